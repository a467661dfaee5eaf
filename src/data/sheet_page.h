/*
 * sheet_page.h: the fixed text of a sheet: its style and the few lines that make it browsable. sheet.c includes it.
 */
#ifndef SL_DATA_SHEET_PAGE_H
#define SL_DATA_SHEET_PAGE_H

/* Colours of shapes, readable on light and dark pictures; shapes and the text that they come from share one. */
#define SL_SHEET_COLOURS 8

static const char sl_sheet_style[] =
    ":root{color-scheme:light dark;--paper:#f6f5f2;--card:#fff;--ink:#1c1b19;--soft:#6b6862;--line:#dedbd4;"
    "--user:#eef3fb;--assistant:#eef7ee;--system:#f3f1ec;--tool:#f8f0e6;--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#161615;--card:#1f1f1d;--ink:#e8e6e1;--soft:#9a968d;"
    "--line:#383632;--user:#1d2735;--assistant:#1b2a1f;--system:#272622;--tool:#30271b;--bad:#ff8a80}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "header{position:sticky;top:0;z-index:2;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline;"
    "padding:.6rem 1rem;background:var(--card);border-bottom:1px solid var(--line)}\n"
    "h1{font-size:1.05rem;margin:0}header p{margin:0;color:var(--soft)}\n"
    "input,select,label{font:inherit;font-size:.9rem}input[type=search],select{color:inherit;"
    "background:var(--paper);border:1px solid var(--line);border-radius:.3rem;padding:.15rem .4rem}\n"
    "main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(30rem,100%),1fr));gap:1rem;padding:1rem;"
    "align-items:start}\n"
    "article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;overflow:hidden}\n"
    "article[hidden]{display:none}\n"
    "h2{font:600 .82rem ui-monospace,monospace;margin:0;padding:.5rem .75rem;overflow-wrap:anywhere}\n"
    "h2 small{font-weight:400;color:var(--soft);margin-left:.6em}\n"
    "section{padding:.5rem .75rem;border-top:1px solid var(--line)}\n"
    "section>b{display:block;font-size:.72rem;letter-spacing:.04em;color:var(--soft)}\n"
    ".user{background:var(--user)}.assistant{background:var(--assistant)}.system{background:var(--system)}"
    ".tool,.said{background:var(--tool)}\n"
    "p.text{margin:.15rem 0;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    "figure{margin:.4rem 0;position:relative;width:fit-content;max-width:100%;cursor:zoom-in}\n"
    "figure img{display:block;max-width:100%;max-height:26rem;min-width:4rem}\n"
    "figure svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}\n"
    "figure.wide{cursor:zoom-out}figure.wide img{max-height:none;width:100vw}\n"
    "svg *{vector-effect:non-scaling-stroke;stroke-width:2.5;fill:none;stroke:var(--c);"
    "filter:drop-shadow(0 0 1px #fff) drop-shadow(0 0 1px #000)}\n"
    "svg .dot{stroke-width:9;stroke-linecap:round}svg .halo{stroke:#fff;stroke-width:12;stroke-linecap:round}\n"
    "svg .asked{stroke-dasharray:6 4}.bare svg{display:none}\n"
    "mark{color:inherit;background:none;border-bottom:2px solid var(--c)}\n"
    ".c0{--c:#e6194b}.c1{--c:#2f7cf6}.c2{--c:#1ea64b}.c3{--c:#f58231}.c4{--c:#b13fd1}.c5{--c:#00a5b5}"
    ".c6{--c:#d4a700}.c7{--c:#f032a6}\n"
    ".bad{color:var(--bad)}details{border-top:1px solid var(--line);padding:.4rem .75rem}"
    "summary{color:var(--soft);font-size:.85rem;cursor:pointer}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;margin:.3rem 0}\n";

static const char sl_sheet_controls[] =
    "<input type=search id=find placeholder=\"find text\" aria-label=\"find text\">"
    "<label>source <select id=source><option value=\"\">all</option></select></label>"
    "<label><input type=checkbox id=shapes checked> ground truth</label><p id=count></p>";

static const char sl_sheet_script[] =
    "const cards=[...document.querySelectorAll('article')],by=id=>document.getElementById(id);\n"
    "for(const name of [...new Set(cards.map(c=>c.dataset.source))].sort())by('source').add(new Option(name,name));\n"
    "function show(){const text=by('find').value.toLowerCase(),source=by('source').value;let n=0;\n"
    "for(const c of cards){c.hidden=(source&&c.dataset.source!==source)||!c.textContent.toLowerCase().includes(text);"
    "n+=!c.hidden}\n"
    "by('count').textContent=n+' of '+cards.length+' samples'}\n"
    "by('find').oninput=by('source').onchange=show;show();\n"
    "by('shapes').onchange=e=>document.body.classList.toggle('bare',!e.target.checked);\n"
    "document.addEventListener('click',e=>e.target.closest('figure')?.classList.toggle('wide'));\n";

#endif
