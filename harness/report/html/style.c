#include "report/html/page.h"

/* The look of the report: one style sheet, inline, nothing fetched. Colours
 * are variables, so that dark and print change only them; their contrast is
 * at least 4.5:1 for text (WCAG 2.2, 1.4.3) and no meaning is carried by
 * colour alone. The hues of the data follow Okabe and Ito's palette. */

static const char *const colours =
":root{color-scheme:light dark;--bg:#f7f5f0;--card:#fff;--ink:#1f2328;--soft:#59616b;"
"--line:#e2ddd2;--faint:#f1ede5;--link:#0b5394;"
"--ok:#2f7fb8;--fail:#c2410c;--info:#d99a1b;--fault:#6d3a9c;--out:rgba(194,65,12,.11);"
"--outline:rgba(194,65,12,.45);--grid:#e9e4da;--primary:#0b5394;--replica:#9cc7e4;"
"--gone:#b9b2a5;--lag:#c08a2d;"
"--p1:#3d6ea5;--p2:#7a5aa6;--p3:#a94d74;--p4:#b0611f;--p5:#80690f;--p6:#66726c;"
"--v-pass:#17693f;--v-fail:#a8261b;--v-unknown:#7d5200;--v-broken:#6a2c91;--v-skip:#59616b;"
"--c-pass:#e2f1e8;--c-fail:#fae3df;--c-unknown:#faeccd;--c-broken:#efe2f6;--c-skip:#ebe8e2}"
"@media (prefers-color-scheme:dark){:root{--bg:#15181b;--card:#1c2024;--ink:#e9e6e0;"
"--soft:#a8aeb5;--line:#32373d;--faint:#23282d;--link:#8cc4f2;"
"--ok:#5fb0e6;--fail:#ff8a5b;--info:#f0c45c;--fault:#c39be6;--out:rgba(255,138,91,.15);"
"--outline:rgba(255,138,91,.5);--grid:#2c3136;--primary:#7cc0f5;--replica:#3a6787;"
"--gone:#6b7178;--lag:#d9a441;"
"--p1:#6f9fd6;--p2:#a98bd6;--p3:#dc86ab;--p4:#e99a5a;--p5:#d0b04a;--p6:#8b9690;"
"--v-pass:#7fd6a6;--v-fail:#ff9c8f;--v-unknown:#f0c45c;--v-broken:#d3aef0;--v-skip:#a8aeb5;"
"--c-pass:#173426;--c-fail:#42201c;--c-unknown:#3a2e12;--c-broken:#34223f;--c-skip:#2a2e33}}";

static const char *const text =
"*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}"
"body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.6 -apple-system,"
"BlinkMacSystemFont,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif;"
"font-variant-numeric:tabular-nums;overflow-wrap:break-word}"
"code,pre,.mono,.quote{overflow-wrap:anywhere}"
"main,header.top,footer{max-width:1080px;margin:0 auto;padding:0 clamp(16px,4vw,40px)}"
"h1,h2,.lead,.quote{font-family:Charter,'Bitstream Charter','Iowan Old Style',"
"'Palatino Linotype','Source Serif 4',Georgia,'Liberation Serif',serif;font-weight:600;"
"text-wrap:balance}"
"h1{font-size:clamp(1.7rem,4.6vw,2.6rem);line-height:1.18;margin:.3em 0 .5em}"
"h2{font-size:clamp(1.35rem,3.2vw,1.8rem);line-height:1.25;margin:0}"
"h3{font-size:1.02rem;margin:2.6em 0 .6em;letter-spacing:.01em}"
"p{margin:.5em 0}.soft{color:var(--soft)}small,.small{font-size:.86rem}"
"a{color:var(--link);text-underline-offset:2px}code,pre,.mono{font-family:ui-monospace,"
"SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;font-size:.86em}"
"header.top{padding-top:clamp(24px,5vw,56px);padding-bottom:8px}"
".verdict{display:flex;flex-wrap:wrap;gap:.2em 1em;align-items:center;margin-top:2.2em}"
".verdict .chip{font-size:.95rem}"
".brand{display:flex;flex-wrap:wrap;gap:.2em 1em;align-items:baseline;color:var(--soft);"
"font-size:.9rem}.brand b{color:var(--ink);letter-spacing:.16em;text-transform:uppercase;"
"font-size:.82rem}"
".chip{display:inline-block;padding:.12em .7em .14em;border-radius:99px;font-size:.8rem;"
"font-weight:700;letter-spacing:.05em;white-space:nowrap;font-family:inherit}"
".chip i{font-style:normal;margin-right:.4em}"
".PASS{color:var(--v-pass);background:var(--c-pass)}.FAIL{color:var(--v-fail);"
"background:var(--c-fail)}.UNKNOWN{color:var(--v-unknown);background:var(--c-unknown)}"
".BROKEN{color:var(--v-broken);background:var(--c-broken)}.SKIP{color:var(--v-skip);"
"background:var(--c-skip)}"
".lead{font-weight:400;font-size:clamp(1.12rem,2.4vw,1.36rem);line-height:1.5;margin:.7em 0 0;"
"text-wrap:pretty;max-width:46em}"
".toc{list-style:none;margin:1.6em 0 0;padding:0;border-top:1px solid var(--line)}"
".toc li{display:grid;grid-template-columns:7.6em 1fr;gap:.1em 1em;padding:1em 0;"
"border-bottom:1px solid var(--line)}"
".toc a{font-weight:600;text-decoration:none}.toc a:hover{text-decoration:underline}"
".toc p{margin:.15em 0 0;max-width:52em}";

static const char *const blocks =
"section.sc{background:var(--card);border:1px solid var(--line);border-radius:14px;"
"margin:clamp(24px,4vw,44px) 0;padding:clamp(18px,3.6vw,44px)}"
".meta{margin:.35em 0 0;color:var(--soft);font-size:.9rem}"
".head{display:flex;flex-wrap:wrap;gap:.5em 1em;align-items:center;"
"justify-content:space-between}"
".failed{list-style:none;padding:0;margin:1.2em 0 0}.failed li{padding:.25em 0}"
".failed .chip{margin-right:.5em}"
".figs{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1.4em 2em;"
"margin:2em 0 0;padding:0}.figs div{border-top:2px solid var(--line);padding-top:.6em}"
".figs dt{color:var(--soft);font-size:.86rem}.figs dd{margin:.1em 0 0;font-size:1.5rem;"
"line-height:1.25;font-weight:600}.figs dd small{display:block;font-weight:400;"
"color:var(--soft);font-size:.84rem;line-height:1.45;margin-top:.25em}"
"table{border-collapse:collapse;width:100%;font-size:.93rem}th{text-align:left;"
"font-weight:600;color:var(--soft);font-size:.82rem;padding:.4em .9em .4em 0;"
"vertical-align:bottom}td{padding:.6em .9em .6em 0;border-top:1px solid var(--line);"
"vertical-align:top}td.n,th.n{text-align:right}tr>:last-child{padding-right:0}"
".fig,td[data-l=Predicted]{white-space:nowrap}td .why{display:block;color:var(--soft);font-size:.86rem}"
".scroll{overflow-x:auto}.scroll td,.scroll th{white-space:nowrap}"
".tight td{padding-top:.3em;padding-bottom:.3em}"
"table.runs{table-layout:fixed}.runs th:nth-child(1){width:15%}.runs th:nth-child(2){"
"width:35%}.runs th:nth-child(4){width:13%}"
"figure{margin:0;padding:0}figure svg{display:block;overflow:hidden}"
"figure.tl{padding-right:52px}figure.tl>svg{overflow:visible}"
"figcaption{color:var(--soft);font-size:.88rem;margin-top:.7em;max-width:60em}"
".legend{display:flex;flex-wrap:wrap;gap:.3em 1.3em;list-style:none;padding:0;"
"margin:.2em 0 .8em;font-size:.86rem;color:var(--soft)}.legend i{display:inline-block;"
"width:14px;height:10px;margin-right:.45em;border-radius:2px;vertical-align:0}"
".marks{padding-left:0;list-style:none;margin:.6em 0 0;font-size:.9rem}.marks li{"
"padding:.12em 0}"
".num{display:inline-block;min-width:1.5em;height:1.5em;line-height:1.5em;border-radius:99px;"
"text-align:center;color:var(--card);font-weight:700;font-size:.78rem;margin-right:.55em}"
".parts{list-style:none;padding:0;margin:1em 0 0;font-size:.93rem}"
".parts li{display:grid;grid-template-columns:2em 6em 1fr;padding:.3em 0;gap:.2em .3em}"
".parts b{font-weight:600}.parts small{color:var(--soft);display:block}"
".mech{list-style:none;padding:0;margin:1em 0 0;font-size:.93rem}.mech li{padding:.6em 0;"
"border-top:1px solid var(--line)}.mech .won{font-weight:700;color:var(--v-pass)}"
"details{border-top:1px solid var(--line);padding:.7em 0}details:last-of-type{"
"border-bottom:1px solid var(--line)}summary{cursor:pointer;font-weight:600;font-size:.95rem}"
"summary span{font-weight:400;color:var(--soft)}details>:not(summary){margin-top:.8em}"
"details.alt{border:0;padding:.4em 0 0}details.alt summary{font-weight:400;font-size:.86rem;"
"color:var(--soft)}details.alt ul{font-size:.86rem;color:var(--soft);padding-left:1.2em}"
"pre{background:var(--faint);border-radius:8px;padding:.9em 1em;overflow-x:auto;"
"white-space:pre-wrap;line-height:1.5;max-height:26em;overflow-y:auto;margin:.5em 0 1em}"
".quote{border-left:3px solid var(--v-fail);padding:.1em 0 .1em 1.1em;margin:1.2em 0;"
"font-weight:400;font-size:1.08rem;white-space:pre-line}"
".proof{margin:.3em 0 1.2em;padding-left:1.2em}.proof li{padding:.1em 0}"
".evid{margin-top:3em}"
"footer{color:var(--soft);font-size:.88rem;padding-top:8px;padding-bottom:56px}"
"footer pre{color:var(--ink)}footer dl{display:grid;grid-template-columns:auto 1fr;"
"gap:.2em 1.2em}footer dt{font-weight:600}footer dd{margin:0}";

static const char *const plots =
"svg text{font:12px -apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Noto Sans',"
"'Liberation Sans',sans-serif;fill:var(--soft);font-variant-numeric:tabular-nums}"
"svg .t{fill:var(--ink);font-weight:600}svg .halo{paint-order:stroke;stroke:var(--card);"
"stroke-width:4px;stroke-linejoin:round}svg .inv{fill:var(--card);font-weight:700}"
".ns{vector-effect:non-scaling-stroke}.g{stroke:var(--grid);stroke-width:1}"
".ax{stroke:var(--line);stroke-width:1}.f-ok{fill:var(--ok);opacity:.8}.f-fail{fill:var(--fail);"
"opacity:.75}.f-info{fill:var(--info);opacity:.9}.d-ok,.d-fail,.d-info{fill:none;stroke-linecap:round}"
".d-ok{stroke:var(--ok);stroke-width:2.6;opacity:.55}.d-fail{stroke:var(--fail);"
"stroke-width:1.4;opacity:.7}.d-info{stroke:var(--info);stroke-width:4.4}"
".base{stroke:var(--soft);stroke-dasharray:4 4}.out{fill:var(--out);stroke:var(--outline);"
"stroke-width:1}.fl{stroke:var(--fault);stroke-width:1.5;stroke-dasharray:3 3}"
".fb{fill:var(--fault)}.s1{fill:var(--primary)}.s2{fill:none;stroke:var(--primary);"
"stroke-width:2}.s3{fill:var(--replica)}.s4{fill:var(--gone);opacity:.5}.s5{stroke:"
"var(--gone);stroke-width:2;stroke-dasharray:2 5}.dual{fill:none;stroke:var(--fail);"
"stroke-width:3}.lag{fill:var(--lag);opacity:.7}"
".p1{fill:var(--p1)}.p2{fill:var(--p2)}.p3{fill:var(--p3)}.p4{fill:var(--p4)}"
".p5{fill:var(--p5)}.p6{fill:var(--p6)}.b1{background:var(--p1)}.b2{background:var(--p2)}"
".b3{background:var(--p3)}.b4{background:var(--p4)}.b5{background:var(--p5)}"
".b6{background:var(--p6)}.bf{background:var(--fault)}"
".win{fill:var(--soft);opacity:.28}.winw{fill:var(--v-pass);opacity:.55}"
".meas{fill:var(--fail)}.dot{fill:var(--primary);fill-opacity:.75;stroke:var(--card)}"
"svg .cens{fill:var(--fail);font-size:14px}.med{stroke:var(--ink);stroke-width:2}";

static const char *const narrow =
"@media (max-width:640px){body{font-size:15.5px}section.sc{border-radius:0;border-width:1px 0;"
"margin-left:calc(-1*clamp(16px,4vw,40px));margin-right:calc(-1*clamp(16px,4vw,40px));"
"padding-left:16px;padding-right:16px}.toc li{grid-template-columns:1fr}.figs{"
"grid-template-columns:1fr 1fr;gap:1.2em 1.2em}.figs dd{font-size:1.25rem}"
".wide{display:none}table.cards thead{position:absolute;clip-path:inset(50%);width:1px;"
"height:1px;overflow:hidden}table.cards,table.cards tbody,table.cards tr,table.cards td{"
"display:block;text-align:left}table.cards tr{border-top:1px solid var(--line);padding:.8em 0}"
"table.cards td{border:0;padding:.1em 0}table.cards td[data-l]{display:grid;gap:.6em;"
"grid-template-columns:7.4em 1fr}table.cards td[data-l]::before{content:attr(data-l);"
"color:var(--soft);font-size:.84rem;padding-top:.1em}"
".parts li{grid-template-columns:2em 5.4em 1fr}}"
"@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;"
"--line:#ccc;--faint:#f4f4f4;--link:#000;"
"--ok:#2f7fb8;--fail:#c2410c;--info:#d99a1b;--fault:#6d3a9c;--out:rgba(194,65,12,.11);"
"--outline:rgba(194,65,12,.45);--grid:#e4e4e4;--primary:#0b5394;--replica:#9cc7e4;"
"--gone:#b0b0b0;--lag:#c08a2d;"
"--p1:#3d6ea5;--p2:#7a5aa6;--p3:#a94d74;--p4:#b0611f;--p5:#80690f;--p6:#66726c;"
"--v-pass:#17693f;--v-fail:#a8261b;--v-unknown:#7d5200;--v-broken:#6a2c91;--v-skip:#444;"
"--c-pass:#e2f1e8;--c-fail:#fae3df;--c-unknown:#faeccd;--c-broken:#efe2f6;--c-skip:#eee}"
"*{-webkit-print-color-adjust:exact;print-color-adjust:exact}body{font-size:10.5pt}"
"section.sc{border:0;padding:0}section.sc+section.sc{break-before:page}figure,table.cards tr,.figs,.quote,h2,h3{"
"break-inside:avoid}h2,h3,summary{break-after:avoid}pre{max-height:none;overflow:visible}"
"details.pr::details-content{content-visibility:visible;display:block;height:auto;"
"opacity:1}.scroll{overflow:visible}.figs{grid-template-columns:repeat(4,1fr)}"
".legend{break-after:avoid;break-inside:avoid}li{break-inside:avoid}h3{margin-top:1.6em}}";

void html_open(FILE *f, struct arena *a, const char *title)
{
	fprintf(f, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"style-src 'unsafe-inline'\">\n"
		"<title>%s</title>\n<style>\n%s\n%s\n%s\n%s\n%s\n</style>\n</head>\n<body>\n",
		text_xml(a, title), colours, text, blocks, plots, narrow);
}

void html_close(FILE *f)
{
	fputs("</body>\n</html>\n", f);
}

void html_chip(FILE *f, enum verdict v)
{
	fprintf(f, "<span class=\"chip %s\"><i aria-hidden=\"true\">%s</i>%s</span>",
		verdict_name(v), text_verdict_mark(v), verdict_name(v));
}
