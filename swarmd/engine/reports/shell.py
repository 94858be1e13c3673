"""What every page of a report stands in: head, policy, style, the marks, and the one script, which sorts tables.

The policy lets nothing be fetched and runs only this very script, by its digest; without it all is there, unsorted.
"""

import base64
import hashlib

from swarmd.engine.certificates.markup import escaped
from swarmd.engine.certificates.style import STYLE
from swarmd.engine.reports.look import LOOK

SCRIPT = """
for(const table of document.querySelectorAll("table.sortable")){const body=table.tBodies[0];
const key=(row,at)=>{const cell=row.cells[at],exact=cell.querySelector("data");
return exact?Number(exact.value):cell.textContent.trim()};
table.querySelectorAll("thead th").forEach((head,at)=>{const button=document.createElement("button");
button.type="button";button.textContent=head.textContent;head.replaceChildren(button);
button.addEventListener("click",()=>{const up=head.getAttribute("aria-sort")!=="ascending";
for(const each of head.parentNode.children)each.removeAttribute("aria-sort");
head.setAttribute("aria-sort",up?"ascending":"descending");
const rows=[...body.rows].map((row,n)=>[key(row,at),n,row]);
rows.sort(([a,n],[b,m])=>{const way=up?1:-1;
if(typeof a!==typeof b)return typeof a==="number"?-1:1;
return (typeof a==="number"?a-b:a.localeCompare(b,"en",{numeric:true}))*way||n-m});
body.append(...rows.map(([,,row])=>row))})})}
""".strip()

_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"script-src 'sha256-{_DIGEST}'"
)
_MARKS = (
    '<svg width="0" height="0" aria-hidden="true" class="marks"><defs>'
    '<path id="up" d="M0 1L6 11H-6z"/><path id="down" d="M0 -1L6 -11H-6z"/>'
    '<path id="cross" d="M-4 -4L4 4M-4 4L4 -4"/><circle id="ring" r="5"/><path id="tick" d="M0 -5V5"/></defs></svg>'
)


def page(title: str, body: str) -> str:
    """A whole page around the body, which is markup already."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f'<link rel="icon" href="data:,"><title>{escaped(title)}</title><style>{STYLE}{LOOK}</style></head>'
        f"<body>{_MARKS}<main>{body}</main><script>{SCRIPT}</script></body></html>\n"
    )
