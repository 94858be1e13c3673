// Runs one exported Pine script on given bars and prints its trades as JSON: the far side of `swarmd export parity`.
//
//   node pine_runner.mjs JOB.json
//
// The job names the folder in which the user has installed `pinets` (AGPL-3.0, never part of swarmd), the script, the
// bars, and the smallest price step. Slow bars for `request.security` are made here out of the same bars.
// Nothing is fetched from anywhere.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(join(job.pinets, 'anything.js'));
const { PineTS } = require('pinets');
const { name, version } = JSON.parse(readFileSync(join(job.pinets, 'node_modules', 'pinets', 'package.json'), 'utf8'));

// It knows no timeframe of six hours, which TradingView has: its list of them is completed where it first looks there.
const indexOf = Array.prototype.indexOf;
Array.prototype.indexOf = function (...sought) {
    if (sought[0] === '360' && this[0] === '1' && this.includes('240') && !this.includes('360')) {
        this.splice(indexOf.call(this, '240') + 1, 0, '360');
    }
    return indexOf.apply(this, sought);
};

const MINUTE = 60_000;
const chart = job.bars.time.map((openTime, i) => ({
    openTime,
    open: job.bars.open[i],
    high: job.bars.high[i],
    low: job.bars.low[i],
    close: job.bars.close[i],
    volume: job.bars.volume[i],
    closeTime: openTime + job.minutes * MINUTE,
}));

// Slow bars by the bucket of each open time, counted from the epoch; one whose beginning is missing is left out.
function slower(minutes) {
    const width = minutes * MINUTE;
    const slow = [];
    for (const bar of chart) {
        const start = bar.openTime - (bar.openTime % width);
        const last = slow[slow.length - 1];
        if (last && last.openTime === start) {
            last.high = Math.max(last.high, bar.high);
            last.low = Math.min(last.low, bar.low);
            last.close = bar.close;
            last.volume += bar.volume;
        } else if (last || bar.openTime === start) {
            slow.push({ ...bar, openTime: start, closeTime: start + width });
        }
    }
    return slow;
}

const provider = {
    configure() {},
    async getMarketData(ticker, timeframe, limit, from, to) {
        const minutes = timeframe === 'D' ? 1440 : Number(timeframe);
        const bars = minutes === job.minutes ? chart : slower(minutes);
        return bars.filter((bar) => (from ? bar.openTime >= from : true) && (to ? bar.openTime <= to : true));
    },
    async getSymbolInfo() {
        return {
            ticker: job.symbol, tickerid: job.symbol, main_tickerid: job.symbol, prefix: '', root: job.symbol,
            description: job.symbol, type: 'crypto', timezone: 'Etc/UTC', session: '24x7', currency: 'USDT',
            basecurrency: job.symbol, mintick: job.tick, minmove: 1, pricescale: 1 / job.tick, pointvalue: 1, mincontract: 0,
            volumetype: 'base',
        };
    },
};

const told = (trade) => ({
    entry_time: trade.entry_time,
    entry_price: trade.entry_price,
    exit_time: trade.exit_time ?? null,
    exit_price: trade.exit_price ?? null,
    size: trade.size,
    profit: trade.profit ?? null,
    exit: trade.exit_comment ?? trade.exit_id ?? null,
});

try {
    const pine = new PineTS(provider, job.symbol, job.minutes === 1440 ? 'D' : String(job.minutes));
    const context = await pine.run(readFileSync(job.script, 'utf8'));
    const { strategy } = context;
    const answer = {
        executor: { name, version, node: process.versions.node },
        closed: strategy.closedtrades.map(told),
        open: strategy.opentrades.map(told),
        netprofit: strategy.netprofit,
        waiting: strategy.pending_orders.map((order) => ({
            id: order.id, alert_profit: order.alert_profit ?? null, alert_loss: order.alert_loss ?? null,
        })),
    };
    process.stdout.write(JSON.stringify(answer));
} catch (fault) {
    process.stderr.write(`${fault?.message ?? fault}\n`);
    process.exit(1);
}
