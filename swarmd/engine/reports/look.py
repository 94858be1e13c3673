"""How a report looks beside what the certificates' style sheet says: wide charts, prices, heat map, sorted tables."""

LOOK = """
:root{--rise:#1d8a5f;--fall:#c2453f;--won:#0f6630;--lost:#ae1622}
@media(prefers-color-scheme:dark){:root{--rise:#4fb98a;--fall:#e0706a;--won:#73d392;--lost:#ff948d}}
main{max-width:1180px}
.marks{position:absolute}
.wide{display:block;width:calc(100% - 58px);max-width:none;overflow:visible;margin:0 12px 0 46px}
.drawn{overflow:hidden;max-width:none}
.drawn path{vector-effect:non-scaling-stroke}
.dim-thin,.vault-thin,.vault-line{fill:none;stroke-width:1.2;stroke-linejoin:round;stroke:var(--dim)}
.vault-thin,.vault-line{stroke:var(--accent)}
.vault-line{stroke-width:1.9}
.dim-ground{fill:var(--dim);fill-opacity:.22}
.vault-ground{fill:var(--accent);fill-opacity:.2}
.rise{fill:var(--rise)}.fall{fill:var(--fall)}
.rise-wick,.fall-wick{fill:none;stroke:var(--rise);stroke-width:1}.fall-wick{stroke:var(--fall)}
.won-bar,.lost-bar{fill:none;stroke:var(--won);stroke-width:1.4}.lost-bar{stroke:var(--lost)}
.dots{fill:none;stroke-linecap:round;stroke-width:6}
.long{stroke:var(--accent)}.short{stroke:var(--mark)}
.vector{stroke:var(--accent);stroke-width:5;stroke-opacity:.75}.no-vector{stroke:var(--dim);stroke-width:4;stroke-opacity:.6}
.way{fill:none;stroke-width:2;stroke-dasharray:4 3}
.way.won{stroke:var(--won)}.way.lost{stroke:var(--lost)}
use{stroke:var(--card);stroke-width:1}
use[href="#up"]{fill:var(--accent)}use[href="#down"]{fill:var(--mark)}
use[href="#cross"]{fill:none;stroke:var(--ink);stroke-width:2.4}
use.chosen{fill:none;stroke:var(--mark);stroke-width:2.5}
use.point{fill:var(--card);stroke:var(--dim);stroke-width:2.5}
use.point.gold,use.point.champion,use.point.pass{stroke:var(--won)}
use.point.no,use.point.fail{stroke:var(--lost)}
use.chance-tick{stroke:var(--quiet);stroke-width:2}
.compare td:nth-child(2),.compare th:nth-child(2){text-align:left}
.compare .verdict{padding:1px 9px;margin:0;font-size:.82rem}
.beside{opacity:.4}
.some-vector,.good-vector,.best-vector,.finalist{fill:none;stroke:var(--dim);stroke-width:1;stroke-opacity:.28}
.good-vector{stroke:var(--accent);stroke-opacity:.16}
.best-vector{stroke:var(--accent);stroke-opacity:.75}
.finalist{stroke:var(--mark);stroke-width:2.2;stroke-opacity:1}
.small{width:100%;height:64px;max-width:none}
.small path{vector-effect:non-scaling-stroke}
.windows{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px 22px}
.multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:14px}
.multiples a{color:inherit;text-decoration:none}
.multiples a:hover strong,.multiples a:focus strong{text-decoration:underline}
.multiples p{margin:0;font-size:.84rem;line-height:1.35}
.card{overflow:clip}
.full{margin-top:14px}
.full .card,.card.full{margin-bottom:0}
.heat td,.heat th{text-align:right;padding:4px 5px;font-size:.82rem;border:0}
.heat td.up{background:color-mix(in srgb,var(--rise) var(--s),transparent)}
.heat td.down{background:color-mix(in srgb,var(--fall) var(--s),transparent)}
.heat td.of-vault{box-shadow:inset 0 -3px var(--accent)}
.heat td.whole{font-weight:650;padding-left:12px}
.bars td:nth-child(2){width:60%;text-align:left}
.bars th{font-weight:400;overflow-wrap:anywhere}
.bar-box{display:inline-block;height:.75em;min-width:2px;background:var(--accent);border-radius:2px}
.won{color:var(--won)}.lost{color:var(--lost)}
.sortable td:not(:first-child){white-space:nowrap}
th button{all:unset;cursor:pointer;color:inherit;font:inherit}
th button:hover,th button:focus-visible{color:var(--ink);text-decoration:underline}
th[aria-sort] button::after{content:" ▲";font-size:.7em}th[aria-sort=descending] button::after{content:" ▼"}
.links a,td a{color:var(--accent)}
.links a{margin-right:14px}
h1,.links,.lead{overflow-wrap:anywhere}
.verdict.pass,.verdict.fail,.verdict.none{white-space:normal}
.verdict.pass{background:var(--good-ground);color:var(--good)}
.verdict.fail{background:var(--bad-ground);color:var(--bad)}
.verdict.none{background:var(--rule);color:var(--ink)}
details>summary{cursor:pointer;font-weight:650}
pre.doc{max-height:22em;overflow:auto}
@media screen and (max-width:760px){.windows{grid-template-columns:minmax(0,1fr)}}
@media print{.wide,.small{break-inside:avoid}th button::after{content:""}}
""".strip()
