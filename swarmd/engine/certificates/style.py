"""How a certificate looks: one style sheet for light, dark, a phone's width and paper.

Text keeps a contrast of 4.5 to 1 and more on its ground in both schemes. Colours are named by what they mean; charts
take them by class.
"""

STYLE = """
:root{color-scheme:light dark;--ground:#f6f7f9;--card:#fff;--ink:#171c22;--quiet:#56606b;--rule:#d8dde3;
--accent:#0a5cb8;--dim:#9aa5b1;--good:#0f6630;--bad:#ae1622;--mark:#a84300;--good-ground:#e2f3e7;--bad-ground:#fbe5e6}
@media(prefers-color-scheme:dark){:root{--ground:#0e1217;--card:#171d24;--ink:#e8ebef;--quiet:#a4aeb9;--rule:#313a45;
--accent:#69b0ff;--dim:#6b7785;--good:#73d392;--bad:#ff948d;--mark:#ffb067;--good-ground:#143322;--bad-ground:#431c1f}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink)}
body{font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 16px 40px}
h1{font-size:1.35rem;margin:0 0 6px;line-height:1.25}
h2{font-size:1rem;margin:0 0 6px}
p{margin:0 0 8px;overflow-wrap:break-word}
.quiet,figcaption,caption,.none{color:var(--quiet)}
.verdict{display:inline-block;padding:3px 12px;border-radius:99px;font-weight:700;margin:0 0 10px}
.verdict.gold,.verdict.champion{background:var(--good-ground);color:var(--good)}
.verdict.no,.verdict.unknown{background:var(--bad-ground);color:var(--bad)}
.lead{font-size:1.06rem;max-width:70ch}
.cards{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:14px;margin-top:14px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 16px;min-width:0}
.card>*+*{margin-top:10px}
.flow{columns:2;column-gap:14px;margin-top:14px}
.flow .card{break-inside:avoid;margin-bottom:14px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:10px;margin:14px 0 0;padding:0}
.tiles div{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:9px 12px}
.tiles dt{color:var(--quiet);font-size:.82rem}
.tiles dd{margin:0;font-size:1.22rem;font-weight:650;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.85rem;padding-bottom:4px}
th,td{padding:5px 6px;border-top:1px solid var(--rule);text-align:right;vertical-align:top}
thead th{border-top:0;color:var(--quiet);font-weight:600;font-size:.82rem}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:last-child,th:last-child{padding-right:0}
tbody th{font-weight:400}
.few td,.few th,.lines td,.lines th,data{white-space:nowrap}
.few th:first-child{white-space:normal}
.words td{text-align:left}
.scroll{overflow-x:auto}
.pass{color:var(--good);font-weight:650;white-space:nowrap}
.fail{color:var(--bad);font-weight:650;white-space:nowrap}
code,pre{font:.83rem/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
pre,code{overflow-wrap:anywhere}
pre{white-space:pre-wrap;margin:0}
figure{margin:0}
figcaption{font-size:.85rem;margin-top:4px}
svg{display:block;width:100%;height:auto;max-width:560px;margin:0 auto;font:11px system-ui,"DejaVu Sans",sans-serif}
svg text{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
svg .tick,svg .label{fill:var(--quiet)}
svg .value{font-weight:650}
svg .mark-label{fill:var(--mark);font-weight:650}
.grid{stroke:var(--rule)}
.axis,.split{stroke:var(--quiet)}
.split{stroke-dasharray:3 3}
.line,.dim-line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke:var(--accent)}
.dim-line{stroke:var(--dim);stroke-width:1.1}
.threshold{stroke:var(--quiet);stroke-dasharray:2 4}
.mark,.mark-thin,.error{stroke:var(--mark);stroke-width:2}
.mark-thin{stroke-width:1;stroke-dasharray:4 3}
.error{stroke-width:4;stroke-opacity:.45}
.mark-head,.mark-dot{fill:var(--mark)}
.dot,.bar,.gain{fill:var(--accent)}
.chance,.dim-bar{fill:var(--dim)}
.beaten,.loss,.loss-bar{fill:var(--bad)}
.no-cell{fill:none;stroke:var(--rule)}
.frame{fill:none;stroke:var(--mark);stroke-width:2.5}
@media screen and (max-width:480px){table{font-size:.84rem}th,td{padding:5px 4px}}
@media screen and (max-width:760px){.cards{grid-template-columns:minmax(0,1fr)}.flow{columns:1}
main{padding:14px 10px 30px}.card{padding:12px}}
@media print{:root{--ground:#fff;--card:#fff;--ink:#000;--quiet:#444;--rule:#bbb;--accent:#0a5cb8;--dim:#888;
--good:#0f6630;--bad:#ae1622;--mark:#a84300;--good-ground:#fff;--bad-ground:#fff}
body{font-size:11px}main{padding:0;max-width:none}.card,.tiles div,tr{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".strip()
