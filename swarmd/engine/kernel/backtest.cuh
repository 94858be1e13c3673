/* Screening on a GPU: crossings of two EMA lines, stop and target, six metrics per parameter vector.

   The twin of `crossings`, `batch`, `fold`, `marks` and `drawdown` in one text, under their names. `gpu.py` compiles it
   with NVRTC and runs it; the tests compile it with g++ as well (`host_build.py`) and hold it against numba, bit for
   bit. `portable.h` has what differs between the two compilers, `layout.py` fills in the Screen. Inputs are checked
   there, not here.

   Three kernels, in this order:
     find_crossings   a warp per pair of lines: compares 32 moments at a time
     settle_events    a thread per pair: moves events off synthetic bars; only for data that has some
     screen_vectors   a thread per parameter vector: its trades, folded into metrics

   Float64 throughout, no reduction across threads, no atomics: every number is made by one thread in the order of the
   numba fold, so neither batches nor the number of threads change a bit. Where the fold keeps a list of trades, a
   thread here finds its trades once more: with tens of thousands of threads, lists would be gigabytes.

   Against the reference: trade count, return, win rate, profit factor and drawdown the same bits, Sharpe within 1e-9. */
#include "portable.h"

#define BLOCK_SHIFT 4 /* bars per block of `passage.py`, as a power of two */
#define BLOCK_BARS (1 << BLOCK_SHIFT)
#define N_LEVELS 16
#define HORIZON_BARS 4096
#define DAYS_PER_YEAR 365.0
#define LEAST_VARIANCE 1e-30
/* Bounds of a trade's marks are wider than the arithmetic says by LOOSE, pruning tests lean to the careful side by
   SLACK: both steer what is looked at, never what is kept. */
#define LOOSE 1e-12
#define SLACK (1.0 + 1e-15)
/* Trades whose highest mark is looked up only when a later trough asks for it. More are looked up at once. */
#define MOST_PENDING 8

enum { HIGH, LOW, OPEN, CLOSE, PRICES };                                /* columns of `bars` */
enum { RETURN_HIGH, RETURN_LOW, SQUARE_HIGH, SQUARE_LOW, DAY_COLUMNS }; /* columns of `day_sums` */
enum { TOTAL_TRADES, TOTAL_RETURN, ANNUAL_SHARPE, MAX_DRAWDOWN, WIN_RATE, PROFIT_FACTOR };

/* Everything a launch reads and writes. `layout.SCREEN` is this struct field by field; all fields are 8 bytes. */
typedef struct {
  /* The tape (tape.py): prices and what is known of them for every vector. */
  const double *bars; /* [n_bars][PRICES] */
  const double *close;
  const double *block_low;
  const double *block_high;
  const double *block_close_low;
  const double *block_close_high;
  const int *day_of_bar;
  const double *day_close;
  const double *day_sums; /* [n_days][DAY_COLUMNS] */
  const double *levels;   /* [N_LEVELS] */
  const unsigned short *passages; /* [n_entries + 1][2 * N_LEVELS]: down, up; the last row is all zeros */
  const int *next_real;           /* null where every bar is real */
  long long n_bars;
  long long n_days;
  long long first_entry; /* passages has rows for this bar and every `stride` bars after it */
  long long stride;
  long long n_entries;
  long long lead; /* base bars between the UTC midnight before the data and its first bar */

  /* The lines (lines.py). */
  const short *codes;
  const long long *line_start;
  const long long *line_factor;
  const long long *line_first;
  const long long *valid_time;
  const double *alpha;
  const double *checkpoints;
  const long long *checkpoint_start;
  const double *closes;
  const long long *close_start;
  long long checkpoint_every;

  /* The pairs of lines of this batch, and their events. */
  const int *fast_line;
  const int *slow_line;
  int *const *events; /* per pair a row of events, see event_of */
  const int *room;    /* how many fit into it */
  int *n_events;      /* how many there are, be there room or not */
  const int *due;    /* the pairs to find crossings for */
  long long n_due;
  long long n_pairs;

  /* The vectors of this batch, sorted by pair. */
  const int *pair_of;
  const double *stop;
  const double *target;
  double *metrics; /* [6][n_vectors], in the order of fold.SCREEN_METRICS */
  long long n_vectors;
  long long shorts; /* whether a cross down sells short */

  /* Costs (costs.py). */
  double long_in;
  double long_out;
  double short_quantity;
  double short_out;
  double short_base;
} Screen;

/* Given by `layout.compile_options`: both sides must mean the same struct. */
#ifdef SCREEN_BYTES
static_assert(sizeof(Screen) == SCREEN_BYTES, "backtest.cuh and layout.py disagree about Screen");
#endif

/* ---- events --------------------------------------------------------------------------------------------------- */

/* An event in one int: the bar whose open fills it, and whether it is a cross up. */
FUNCTION int event_of(int bar, int is_up) { return bar * 2 + is_up; }
FUNCTION int event_bar(int event) { return event >> 1; }
FUNCTION int event_is_up(int event) { return event & 1; }

/* The exact value of a line at index j, replayed from its last checkpoint (lines.value_at). */
FUNCTION double value_at(const Screen &screen, int line, int j) {
  const int every = (int)screen.checkpoint_every;
  const int checkpoint = (j - (int)screen.line_first[line]) / every;
  const int from = (int)screen.line_first[line] + checkpoint * every;
  const double *close = screen.closes + screen.close_start[line];
  const double alpha = screen.alpha[line];
  double value = screen.checkpoints[screen.checkpoint_start[line] + checkpoint];
  for (int i = from + 1; i <= j; i++) value = value + alpha * (close[i] - value);
  return value;
}

/* Whether the fast line at its index j is above the slow line at its index q. Equal codes leave it open. */
FUNCTION int is_above(const Screen &screen, int fast, int j, int slow, int q) {
  const int fast_code = screen.codes[screen.line_start[fast] + j];
  const int slow_code = screen.codes[screen.line_start[slow] + q];
  if (fast_code != slow_code) return fast_code > slow_code;
  return value_at(screen, fast, j) > value_at(screen, slow, q);
}

FUNCTION int common_divisor(int a, int b) {
  while (b != 0) {
    const int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* The crossings of one pair, 32 moments of the two lines' common grid at a time. Returns how many there are; those
   that find no room are counted only. The first valid moment never crosses (crossings.py has the rule). */
FUNCTION int crossings_of(const Screen &screen, int fast, int slow, int *events, int room) {
  const int stop_time = (int)(screen.n_bars + screen.lead);
  const long long fast_valid = screen.valid_time[fast], slow_valid = screen.valid_time[slow];
  const long long valid_time = fast_valid > slow_valid ? fast_valid : slow_valid;
  if (valid_time >= stop_time) return 0;
  const int fast_factor = (int)screen.line_factor[fast], slow_factor = (int)screen.line_factor[slow];
  /* Neither line changes between multiples of this. 45-minute bars against hours: a quarter of an hour. */
  const int step = common_divisor(fast_factor, slow_factor);
  const int fast_steps = fast_factor / step, slow_steps = slow_factor / step;
  const int first = (int)valid_time / step, end = (stop_time - 1) / step + 1;
  int n = 0;
  unsigned before = 0;
  for (int base = first; base < end; base += LANES) {
    BALLOT(above, lane, base + lane < end && is_above(screen, fast, (base + lane) / fast_steps,
                                                      slow, (base + lane) / slow_steps))
    if (base == first) before = above & 1u;
    const unsigned looked_at = end - base < LANES ? (1u << (end - base)) - 1u : ALL_LANES;
    const unsigned changed = (above ^ ((above << 1) | before)) & looked_at;
    FOR_LANES_IN(changed, lane) {
      const int at = n + BIT_COUNT(changed & ((1u << lane) - 1u));
      if (at < room) events[at] = event_of((base + lane) * step - (int)screen.lead, (int)((above >> lane) & 1u));
    }
    n += BIT_COUNT(changed);
    before = above >> (LANES - 1);
  }
  return n;
}

KERNEL find_crossings(ARGUMENT(Screen) screen) {
  const long long at = WARP_ITEM();
  if (at >= screen.n_due) return;
  const int pair = screen.due[at];
  const int n = crossings_of(screen, screen.fast_line[pair], screen.slow_line[pair], screen.events[pair],
                             screen.room[pair]);
  ON_FIRST_LANE screen.n_events[pair] = n;
}

/* Moves events to the next real open; of several at one open only the last stands (events.on_real_bars). */
KERNEL settle_events(ARGUMENT(Screen) screen) {
  const long long pair = THREAD_ITEM();
  if (pair >= screen.n_pairs) return;
  int *events = screen.events[pair];
  const int n = screen.n_events[pair];
  int kept = 0;
  for (int i = 0; i < n; i++) {
    const int bar = screen.next_real[event_bar(events[i])];
    if (bar >= screen.n_bars) break;
    if (kept > 0 && event_bar(events[kept - 1]) == bar) kept--;
    events[kept++] = event_of(bar, event_is_up(events[i]));
  }
  screen.n_events[pair] = kept;
}

/* ---- trades --------------------------------------------------------------------------------------------------- */

/* One parameter vector, and what follows from it for every trade. */
typedef struct {
  const int *events;
  int n_events;
  int stop_level; /* of the passage table: the farthest not beyond the stop; -1 for none */
  int target_level;
  double below_stop; /* times the entry: the stop of a long, and so on */
  double above_target;
  double below_target;
  double above_stop;
  double long_high; /* times the equity before: bounds of the marks between stop and target */
  double long_low;
  double short_high;
  double short_low;
} Vector;

typedef struct {
  int entry_bar;
  int exit_bar; /* bars entry..exit-1 end with the position open */
  int is_long;
  int by_stop;
  int by_signal;
  double entry;
  double paid; /* entry price times the entry factor: what marks are divided by */
  double growth;
  const unsigned short *passages; /* the row of the entry bar */
} Trade;

/* Where in its events a sweep over the trades of a vector is. */
typedef struct {
  int at;
} Cursor;

FUNCTION int level_below(const Screen &screen, double distance) {
  int level = -1;
  while (level + 1 < N_LEVELS && screen.levels[level + 1] <= distance) level++;
  return level;
}

FUNCTION Vector vector_of(const Screen &screen, long long row) {
  const int pair = screen.pair_of[row];
  const double stop = screen.stop[row], target = screen.target[row];
  Vector vector;
  vector.events = screen.events[pair];
  vector.n_events = screen.n_events[pair];
  vector.stop_level = level_below(screen, stop);
  vector.target_level = level_below(screen, target);
  vector.below_stop = 1.0 - stop;
  vector.above_target = 1.0 + target;
  vector.below_target = 1.0 - target;
  vector.above_stop = 1.0 + stop;
  vector.long_high = vector.above_target / screen.long_in * (1.0 + LOOSE);
  vector.long_low = vector.below_stop / screen.long_in * (1.0 - LOOSE);
  vector.short_high = (screen.short_base - vector.below_target / screen.short_quantity) * (1.0 + LOOSE);
  vector.short_low = screen.short_base - vector.above_stop / screen.short_quantity - LOOSE;
  return vector;
}

/* The row of a bar in the passage table; for a bar that is no entry of it the row of zeros, which promises nothing. */
FUNCTION const unsigned short *passages_of(const Screen &screen, int bar) {
  const int stride = (int)screen.stride, since = bar - (int)screen.first_entry;
  const int row = since / stride;
  const int is_entry = since >= 0 && row * stride == since;
  return screen.passages + (is_entry ? (long long)row : screen.n_entries) * (2 * N_LEVELS);
}

/* Bars from the entry on before which neither `down` nor `up` can have been touched. */
FUNCTION int bars_untouched(const unsigned short *passages, int down, int up) {
  if (down < 0 || up < 0) return 0;
  const int to_down = passages[down], to_up = passages[N_LEVELS + up];
  return to_down < to_up ? to_down : to_up;
}

/* First bar in [start, stop) with low <= lower or high >= upper; `stop` when there is none. */
FUNCTION int first_touch(const Screen &screen, int start, int stop, double lower, double upper) {
  int u = start;
  while (u < stop) {
    if ((u & (BLOCK_BARS - 1)) == 0) {
      int block = u >> BLOCK_SHIFT;
      while ((block << BLOCK_SHIFT) < stop && screen.block_low[block] > lower && screen.block_high[block] < upper)
        block++;
      u = block << BLOCK_SHIFT;
      if (u >= stop) return stop;
    }
    const double *bar = screen.bars + (long long)u * PRICES;
    if (bar[LOW] <= lower || bar[HIGH] >= upper) return u;
    u++;
  }
  return stop;
}

FUNCTION Cursor before_first_trade(void) {
  Cursor cursor;
  cursor.at = 0;
  return cursor;
}

/* Finds the next trade; returns 0 when there is none. */
FUNCTION int next_trade(const Screen &screen, const Vector &vector, Cursor &cursor, Trade &trade) {
  const int *events = vector.events;
  const int n_bars = (int)screen.n_bars;
  int i = cursor.at;
  while (i < vector.n_events && !event_is_up(events[i]) && !screen.shorts) i++;
  if (i >= vector.n_events) return 0;
  const int is_long = event_is_up(events[i]);
  const int e = event_bar(events[i]);
  int j = i + 1;
  while (j < vector.n_events && event_is_up(events[j]) == is_long) j++;
  const int x = j < vector.n_events ? event_bar(events[j]) : n_bars;

  const double entry = screen.bars[(long long)e * PRICES + OPEN];
  const unsigned short *passages = passages_of(screen, e);
  const double lower = entry * (is_long ? vector.below_stop : vector.below_target);
  const double upper = entry * (is_long ? vector.above_target : vector.above_stop);
  const int untouched = is_long ? bars_untouched(passages, vector.stop_level, vector.target_level)
                                : bars_untouched(passages, vector.target_level, vector.stop_level);
  int u = first_touch(screen, e + untouched, x, lower, upper);
  int by_stop = 0, by_signal = 0;
  double price;
  if (u < x) {
    /* The stop is the lower level of a long and the upper one of a short; it comes first. */
    const double *bar = screen.bars + (long long)u * PRICES;
    by_stop = is_long ? bar[LOW] <= lower : bar[HIGH] >= upper;
    price = by_stop == is_long ? smaller(bar[OPEN], lower) : larger(bar[OPEN], upper);
    i++;
    /* An event for the side already held is no order. */
    while (i < j && event_bar(events[i]) <= u) i++;
  } else {
    i = j;
    by_signal = x < n_bars;
    u = by_signal ? x : n_bars - 1;
    price = by_signal ? screen.bars[(long long)u * PRICES + OPEN] : screen.close[u];
  }
  cursor.at = i;
  trade.entry_bar = e;
  trade.exit_bar = u;
  trade.is_long = is_long;
  trade.by_stop = by_stop;
  trade.by_signal = by_signal;
  trade.entry = entry;
  trade.passages = passages;
  if (is_long) {
    trade.paid = entry * screen.long_in;
    trade.growth = (price * screen.long_out) / trade.paid;
  } else {
    trade.paid = entry * screen.short_quantity;
    trade.growth = screen.short_base - (price * screen.short_out) / trade.paid;
  }
  return 1;
}

/* Equity after a trade; a gap can take all of a short. */
FUNCTION double equity_after(const Trade &trade, double equity) {
  const double after = equity * trade.growth;
  return after > 0.0 ? after : 0.0;
}

/* Whether the realised equity is itself the mark of the exit bar: no position is opened at the same price. */
FUNCTION int is_flat_after(const Screen &screen, const Trade &trade, double after) {
  return !screen.shorts || !trade.by_signal || after == 0.0;
}

/* ---- marks ---------------------------------------------------------------------------------------------------- */

FUNCTION double mark_of(const Screen &screen, int is_long, double equity, double price, double paid) {
  return is_long ? equity * (price / paid) : equity * (screen.short_base - price / paid);
}

/* How many tabulated levels the first n_bars bars of an entry reach; saturated ones count as reached. */
FUNCTION int levels_reached(const unsigned short *column, int n_bars) {
  const int within = n_bars < HORIZON_BARS + 1 ? n_bars : HORIZON_BARS + 1;
  int n = 0;
  while (n < N_LEVELS && column[n] < within) n++;
  return n;
}

/* A mark that no close of the trade can lie beyond, from the first level its bars did not reach; `otherwise` where
   they reached all. Upwards for the best mark of a long and the worst of a short. */
FUNCTION double mark_not_reached(
    const Screen &screen, const Trade &trade, double equity, int is_upwards, double otherwise) {
  const int reached = levels_reached(trade.passages + (is_upwards ? N_LEVELS : 0), trade.exit_bar - trade.entry_bar);
  if (reached == N_LEVELS) return otherwise;
  const double distance = screen.levels[reached];
  const double price = is_upwards ? trade.entry * (1.0 + distance) : trade.entry * (1.0 - distance);
  return mark_of(screen, trade.is_long, equity, price, trade.paid);
}

/* Equity at the last day end inside the trade; only for a trade that holds over one. */
FUNCTION double last_day_mark(const Screen &screen, const Trade &trade, double equity) {
  const int day = screen.day_of_bar[trade.exit_bar] - 1;
  return mark_of(screen, trade.is_long, equity, screen.day_close[day], trade.paid);
}

FUNCTION int holds_over_a_day_end(const Screen &screen, const Trade &trade) {
  return screen.day_of_bar[trade.exit_bar] > screen.day_of_bar[trade.entry_bar];
}

/* What a sweep knows of the drawdown without looking at closes. */
typedef struct {
  double peak_low; /* bounds of the running peak of equity */
  double peak_high;
  double worst; /* smallest equity over peak known so far */
} Known;

typedef struct {
  double low; /* bounds of all marks of a trade, the realised one included in the lower */
  double high;
} Marks;

FUNCTION Known nothing_known(void) {
  Known known;
  known.peak_low = known.peak_high = known.worst = 1.0;
  return known;
}

FUNCTION void note_mark(Known &known, double mark) {
  known.peak_low = larger(known.peak_low, mark);
  if (mark < known.peak_low * known.worst * SLACK) known.worst = smaller(known.worst, mark / known.peak_low);
}

/* Bounds of the marks of the next trade; what it does to the known peak and trough is noted on the way. */
FUNCTION Marks note_trade(
    const Screen &screen, const Vector &vector, const Trade &trade, double equity, double after, Known &known) {
  if (holds_over_a_day_end(screen, trade)) note_mark(known, last_day_mark(screen, trade, equity));
  Marks marks;
  marks.high = equity * (trade.is_long ? vector.long_high : vector.short_high);
  /* After a stop no mark inside the trade is below the realised equity. */
  marks.low = trade.by_stop ? INFINITE : equity * (trade.is_long ? vector.long_low : vector.short_low);
  if (trade.exit_bar == trade.entry_bar) {
    marks.high = 0.0;
    marks.low = INFINITE;
  }
  if (marks.high > known.peak_high) {
    marks.high = smaller(marks.high, mark_not_reached(screen, trade, equity, trade.is_long, marks.high));
    known.peak_high = larger(known.peak_high, marks.high);
  }
  if (is_flat_after(screen, trade, after)) {
    note_mark(known, after);
    known.peak_high = larger(known.peak_high, after);
    marks.low = smaller(marks.low, after);
  }
  return marks;
}

/* ---- drawdown ------------------------------------------------------------------------------------------------- */

/* Lowest and highest close of the bars [start, stop), which has at least one. */
FUNCTION void close_range(const Screen &screen, int start, int stop, double &low, double &high) {
  low = high = screen.close[start];
  int u = start;
  while (u < stop) {
    if ((u & (BLOCK_BARS - 1)) == 0 && u + BLOCK_BARS <= stop) {
      low = smaller(low, screen.block_close_low[u >> BLOCK_SHIFT]);
      high = larger(high, screen.block_close_high[u >> BLOCK_SHIFT]);
      u += BLOCK_BARS;
    } else {
      low = smaller(low, screen.close[u]);
      high = larger(high, screen.close[u]);
      u++;
    }
  }
}

/* Trades that may have raised the peak, their highest marks not yet looked up. */
typedef struct {
  int n;
  int entry_bar[MOST_PENDING];
  int exit_bar[MOST_PENDING];
  int is_long[MOST_PENDING];
  double equity[MOST_PENDING];
  double paid[MOST_PENDING];
  double mark_high[MOST_PENDING];
} Pending;

FUNCTION void put_off(Pending &pending, const Trade &trade, double equity, double mark_high) {
  const int k = pending.n++;
  pending.entry_bar[k] = trade.entry_bar;
  pending.exit_bar[k] = trade.exit_bar;
  pending.is_long[k] = trade.is_long;
  pending.equity[k] = equity;
  pending.paid[k] = trade.paid;
  pending.mark_high[k] = mark_high;
}

/* The exact peak after all pending trades, of which `peak` is a lower bound. */
RARE_FUNCTION double settled_peak(const Screen &screen, Pending &pending, double peak) {
  for (int k = 0; k < pending.n; k++) {
    if (!(pending.mark_high[k] > peak)) continue;
    double low, high;
    close_range(screen, pending.entry_bar[k], pending.exit_bar[k], low, high);
    const double best = pending.is_long[k] ? high : low;
    peak = larger(peak, mark_of(screen, pending.is_long[k], pending.equity[k], best, pending.paid[k]));
  }
  pending.n = 0;
  return peak;
}

/* The worst ratio when the closes of a trade have been marked in their order, the peak rising on the way: by blocks
   where these settle it, one that brings no new peak, or no fall that matters even from its own. */
RARE_FUNCTION double walked_through(
    const Screen &screen, const Trade &trade, double equity, double peak, double worst) {
  int u = trade.entry_bar;
  while (u < trade.exit_bar) {
    if ((u & (BLOCK_BARS - 1)) == 0 && u + BLOCK_BARS <= trade.exit_bar) {
      const double low = screen.block_close_low[u >> BLOCK_SHIFT], high = screen.block_close_high[u >> BLOCK_SHIFT];
      const double mark_low = mark_of(screen, trade.is_long, equity, trade.is_long ? low : high, trade.paid);
      const double mark_high = mark_of(screen, trade.is_long, equity, trade.is_long ? high : low, trade.paid);
      if (mark_high <= peak || !(mark_low < mark_high * worst * SLACK)) {
        if (mark_high <= peak && mark_low < peak * worst * SLACK) worst = smaller(worst, mark_low / peak);
        peak = larger(peak, mark_high);
        u += BLOCK_BARS;
        continue;
      }
    }
    const int whole = (u | (BLOCK_BARS - 1)) + 1;
    const int end = whole < trade.exit_bar ? whole : trade.exit_bar;
    for (; u < end; u++) {
      const double mark = mark_of(screen, trade.is_long, equity, screen.close[u], trade.paid);
      peak = larger(peak, mark);
      if (mark < peak * worst * SLACK) worst = smaller(worst, mark / peak);
    }
  }
  return worst;
}

/* Looks at the closes of a trade that may hold the worst mark. `peak` is exact before it, and is after it. */
RARE_FUNCTION double worst_in_trade(
    const Screen &screen, const Trade &trade, double equity, double after, double &peak, double worst) {
  double peak_after = peak;
  if (trade.exit_bar > trade.entry_bar) {
    double low, high;
    close_range(screen, trade.entry_bar, trade.exit_bar, low, high);
    const double mark_high = mark_of(screen, trade.is_long, equity, trade.is_long ? high : low, trade.paid);
    const double mark_low = mark_of(screen, trade.is_long, equity, trade.is_long ? low : high, trade.paid);
    if (mark_high > peak) {
      /* A new peak inside the trade: a trough counts against it only if it came later. */
      if (mark_low < mark_high * worst * SLACK) {
        worst = walked_through(screen, trade, equity, peak, worst);
      }
      peak_after = mark_high;
    } else if (mark_low < peak * worst * SLACK) {
      worst = smaller(worst, mark_low / peak);
    }
  }
  if (is_flat_after(screen, trade, after)) {
    peak_after = larger(peak_after, after);
    if (after < peak_after * worst * SLACK) worst = smaller(worst, after / peak_after);
  }
  peak = peak_after;
  return worst;
}

/* The lowest mark a trade can have had, by its bounds and then by the levels its bars did not reach. */
FUNCTION int may_hold_the_worst(
    const Screen &screen, const Trade &trade, double equity, double after, const Marks &marks, const Known &known) {
  const double limit = known.peak_high * known.worst * SLACK;
  if (!(marks.low < limit)) return 0;
  if (trade.exit_bar == trade.entry_bar || trade.by_stop) return 1;
  double low = mark_not_reached(screen, trade, equity, !trade.is_long, marks.low);
  if (is_flat_after(screen, trade, after)) low = smaller(low, after);
  return low < limit;
}

/* The exact minimum of equity over peak: the second sweep. `worst` is the best value of the first. */
FUNCTION double worst_ratio(const Screen &screen, const Vector &vector, double worst) {
  Known known = nothing_known();
  known.worst = worst;
  Pending pending;
  pending.n = 0;
  double equity = 1.0;
  double peak = 1.0; /* exact, but for the pending trades and for what `known` says besides */
  Cursor cursor = before_first_trade();
  Trade trade;
  while (equity > 0.0 && next_trade(screen, vector, cursor, trade)) {
    const double after = equity_after(trade, equity);
    const double peak_low_before = known.peak_low;
    const Marks marks = note_trade(screen, vector, trade, equity, after, known);
    if (may_hold_the_worst(screen, trade, equity, after, marks, known)) {
      peak = settled_peak(screen, pending, larger(peak, peak_low_before));
      known.worst = worst_in_trade(screen, trade, equity, after, peak, known.worst);
    } else if (marks.high > larger(peak, known.peak_low)) {
      if (pending.n == MOST_PENDING) peak = settled_peak(screen, pending, larger(peak, peak_low_before));
      put_off(pending, trade, equity, marks.high);
    }
    equity = after;
  }
  return known.worst;
}

/* ---- metrics -------------------------------------------------------------------------------------------------- */

/* Daily returns so far, as sums. */
typedef struct {
  double sum;
  double squares;
  double mark; /* equity at the last day end */
  int day;     /* days before this one are summed */
} Daily;

FUNCTION void add_return(Daily &daily, double r) {
  daily.sum += r;
  daily.squares += r * r;
}

/* The day end between the last exit and this entry, then those inside the trade. */
FUNCTION void add_days(const Screen &screen, const Trade &trade, double equity, Daily &daily) {
  const int entry_day = screen.day_of_bar[trade.entry_bar], day = screen.day_of_bar[trade.exit_bar];
  if (entry_day > daily.day) {
    /* One return: between trades equity does not move. */
    add_return(daily, equity / daily.mark - 1.0);
    daily.mark = equity;
  }
  if (day > entry_day) {
    double mark = mark_of(screen, trade.is_long, equity, screen.day_close[entry_day], trade.paid);
    add_return(daily, mark / daily.mark - 1.0);
    if (trade.is_long) {
      /* Whole days of a long return what the price does, whatever the equity: differences of prefix sums. */
      if (day > entry_day + 1) {
        const double *to = screen.day_sums + (long long)(day - 1) * DAY_COLUMNS;
        const double *from = screen.day_sums + (long long)entry_day * DAY_COLUMNS;
        daily.sum += (to[RETURN_HIGH] - from[RETURN_HIGH]) + (to[RETURN_LOW] - from[RETURN_LOW]);
        daily.squares += (to[SQUARE_HIGH] - from[SQUARE_HIGH]) + (to[SQUARE_LOW] - from[SQUARE_LOW]);
        mark = last_day_mark(screen, trade, equity);
      }
    } else {
      for (int d = entry_day + 1; d < day; d++) {
        const double later = mark_of(screen, 0, equity, screen.day_close[d], trade.paid);
        add_return(daily, later / mark - 1.0);
        mark = later;
      }
    }
    daily.mark = mark;
  }
  daily.day = day;
}

FUNCTION double squared_distance(double mark, double mark_before, double mean) {
  const double r = mark_before > 0.0 ? mark / mark_before - 1.0 : 0.0;
  return (r - mean) * (r - mean);
}

/* Sum of (r - mean)^2 over all days, by walking them: a sweep for vectors whose returns hardly vary. */
RARE_FUNCTION double squares_about_mean(const Screen &screen, const Vector &vector, double mean) {
  double total = 0.0, mark = 1.0, equity = 1.0;
  int d = 0;
  Cursor cursor = before_first_trade();
  Trade trade;
  while (equity > 0.0 && next_trade(screen, vector, cursor, trade)) {
    const int entry_day = screen.day_of_bar[trade.entry_bar], exit_day = screen.day_of_bar[trade.exit_bar];
    for (; d < exit_day; d++) {
      const double then =
          entry_day <= d ? mark_of(screen, trade.is_long, equity, screen.day_close[d], trade.paid) : equity;
      total += squared_distance(then, mark, mean);
      mark = then;
    }
    equity = equity_after(trade, equity);
  }
  for (; d < screen.n_days; d++) {
    total += squared_distance(equity, mark, mean);
    mark = equity;
  }
  return total;
}

FUNCTION double annual_sharpe(const Screen &screen, const Vector &vector, const Daily &daily) {
  const double n_days = (double)screen.n_days;
  if (screen.n_days < 2) return 0.0;
  double about_mean = daily.squares - daily.sum * daily.sum / n_days;
  /* Returns that hardly vary (two days of data, say): their squares have swallowed the variance. */
  if (about_mean < 1e-3 * daily.squares) about_mean = squares_about_mean(screen, vector, daily.sum / n_days);
  const double variance = about_mean / (n_days - 1.0);
  if (!(variance > LEAST_VARIANCE)) return 0.0;
  return (daily.sum / n_days) / SQUARE_ROOT(variance) * SQUARE_ROOT(DAYS_PER_YEAR);
}

/* All metrics of one vector: the first sweep folds its trades, the second settles the drawdown (fold.screen_plain). */
KERNEL screen_vectors(ARGUMENT(Screen) screen) {
  const long long row = THREAD_ITEM();
  if (row >= screen.n_vectors) return;
  const Vector vector = vector_of(screen, row);
  Known known = nothing_known();
  Daily daily = {0.0, 0.0, 1.0, 0};
  double equity = 1.0, won = 0.0, lost = 0.0;
  int n = 0, n_won = 0;
  Cursor cursor = before_first_trade();
  Trade trade;
  while (equity > 0.0 && next_trade(screen, vector, cursor, trade)) {
    const double after = equity_after(trade, equity);
    add_days(screen, trade, equity, daily);
    note_trade(screen, vector, trade, equity, after, known);
    if (trade.growth > 1.0) {
      n_won++;
      won += after - equity;
    } else {
      lost -= after - equity;
    }
    equity = after;
    n++;
  }
  if (n > 0) add_return(daily, equity / daily.mark - 1.0);
  double *metrics = screen.metrics + row;
  metrics[TOTAL_TRADES * screen.n_vectors] = n;
  metrics[TOTAL_RETURN * screen.n_vectors] = equity - 1.0;
  metrics[ANNUAL_SHARPE * screen.n_vectors] = annual_sharpe(screen, vector, daily);
  metrics[MAX_DRAWDOWN * screen.n_vectors] = 1.0 - worst_ratio(screen, vector, known.worst);
  metrics[WIN_RATE * screen.n_vectors] = n > 0 ? (double)n_won / n : 0.0;
  metrics[PROFIT_FACTOR * screen.n_vectors] = lost > 0.0 ? won / lost : INFINITE;
}

/* ---- without a GPU -------------------------------------------------------------------------------------------- */

#if !defined(__CUDACC__) && !defined(__CUDACC_RTC__)
/* Runs a kernel for the items [first, stop), one after the other. */
extern "C" void launch(void (*kernel)(const Screen), const Screen *screen, long long first, long long stop) {
  for (item_at_work = first; item_at_work < stop; item_at_work++) kernel(*screen);
}
#endif
