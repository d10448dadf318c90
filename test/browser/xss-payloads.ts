import { writeFileSync } from 'node:fs'

/** Text that runs `xss(N)` where a page takes it for more than text. */
export interface Payload {
  /** N, by which the page tells what ran. */
  readonly id: number
  readonly kind: string
  readonly text: string
}

/** `!` stands for the call. */
type Pattern = string

/** What may stand before markup to leave the place a text was put in. */
const ways = ['', '">', "'>", '`>', '</title>', '</textarea>', '</script>', '</style>', '-->', '</option></select>']

const elements: readonly Pattern[] = [
  '<script>!</script>',
  '<ScRiPt >!</sCrIpT>',
  '<script/x>!</script/x>',
  '<img src=x onerror=!>',
  '<img/src="x"/onerror="!">',
  '<svg onload=!>',
  '<svg><script>!</script></svg>',
  '<svg><animate onbegin=! attributeName=x dur=1s>',
  '<svg><set attributeName=href to=javascript:! /></svg>',
  '<svg><foreignObject><iframe srcdoc="<script>parent.!</script>"></iframe></foreignObject></svg>',
  '<svg><use href="data:image/svg+xml,<svg xmlns=\'http://www.w3.org/2000/svg\' id=x><script>!</script></svg>#x"/></svg>',
  '<math><a xlink:href="javascript:!">x</a></math>',
  '<iframe srcdoc="<script>parent.!</script>"></iframe>',
  '<iframe src="javascript:parent.!"></iframe>',
  '<iframe onload=!></iframe>',
  '<body onload=!>',
  '<input autofocus onfocus=!>',
  '<details open ontoggle=!><summary>x</summary></details>',
  '<video><source onerror=!></video>',
  '<audio src=x onerror=!></audio>',
  '<object data="data:text/html,<script>parent.!</script>"></object>',
  '<embed src="javascript:!">',
  '<style onload=!></style>',
  '<link rel=stylesheet href="data:text/css," onload=!>',
  '<meta http-equiv=refresh content="0;url=javascript:!">',
  '<base href="javascript:!//"><a href="x">x</a>',
  '<form action="javascript:!"><button autofocus>x</button></form>',
  '<button formaction="javascript:!">x</button>',
  '<marquee onstart=!>x</marquee>',
  '<a href="javascript:!">x</a>',
  '<template shadowrootmode=open><script>!</script></template>',
  '<dialog open onclose=!><form method=dialog><button>x</button></form></dialog>',
]

const events = [
  ...['onclick', 'onmouseover', 'onmouseenter', 'onpointerover', 'onfocus', 'onfocusin', 'onblur', 'onkeydown'],
  ...['onanimationstart', 'ontransitionend', 'onscroll', 'onwheel', 'oncopy', 'ondrag', 'onload', 'onerror'],
]
const quotes = ['"', "'", '`', '', '&quot;', '&#39;']

const addresses: readonly Pattern[] = [
  'javascript:!',
  'JaVaScRiPt:!',
  ' javascript:!',
  'java\tscript:!',
  'java\nscript:!',
  'java\r\nscript:!',
  '\u0001javascript:!',
  'javascript\t:!',
  'javascript&colon;!',
  '&#106;avascript:!',
  '&#x6a;avascript:!',
  'javascript://x%0a!',
  'javascript:/*x*/!',
  'javascript:void(!)',
  'javascript:"<script>!</script>"',
  'data:text/html,<script>!</script>',
  'data:text/html;base64,PHNjcmlwdD4hPC9zY3JpcHQ+',
  'data:image/svg+xml,<svg onload=! xmlns="http://www.w3.org/2000/svg"/>',
  'vbscript:!',
  'view-source:javascript:!',
  'blob:javascript:!',
  'feed:javascript:!',
  '//evil.invalid/!',
  '\\\\evil.invalid/!',
  '/\\evil.invalid/!',
  '/\t/evil.invalid/!',
  'https://user@evil.invalid/"onmouseover=!',
  'http://evil.invalid/#" onclick="!',
  '/routes/x" onclick="!',
  '?next=javascript:!',
]

const templates: readonly Pattern[] = [
  '{{!}}',
  '{{{!}}}',
  '{{&!}}',
  '{{constructor.constructor("!")()}}',
  '{{#with "s" as |string|}}{{string.sub.constructor "!"}}{{/with}}',
  '{{lookup (lookup this "constructor") "constructor"}}!',
  '{{> (lookup . "x")}}!',
  '{{__proto__}}!',
  '{{#each this}}{{this}}{{/each}}!',
  '{{"<script>!</script>"}}',
  '$' + '{!}',
  '`$' + '{!}`',
  '#{!}',
  '<%= ! %>',
  '<%- ! %>',
  '[[!]]',
  '{%! %}',
  '{{$on.constructor("!")()}}',
  '{{[].pop.constructor("!")()}}',
  '<div ng-app>{{constructor.constructor("!")()}}</div>',
  '<x v-html="!">',
  '<div x-data x-init="!">',
  '*{!}',
  '@{!}',
  '@(!)',
]

/** Markup that is harmless as it is read first, and is not when it is written and read again. */
const reread: readonly Pattern[] = [
  '<noscript><p title="</noscript><img src=x onerror=!>">',
  '<svg></p><style><a id="</style><img src=x onerror=!>">',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror=!&gt;">',
  '<math><mtext><table><mglyph><svg><mtext><textarea><path id="</textarea><img onerror=! src=x>">',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=!>',
  '<svg><style><!--</style><img src=x onerror=!>--></style>',
  '<select><template><style><!--</style><a rel="--></style></template></select><img src=x onerror=!>">',
  '<table><a href="</table><img src=x onerror=!>">',
  '<xmp><p title="</xmp><img src=x onerror=!>">',
  '<listing>&lt;img src=x onerror=!&gt;</listing>',
  '<textarea><img title="</textarea><img src=x onerror=!>">',
  '<title><a alt="</title><img src=x onerror=!>">',
  '<plaintext><img src=x onerror=!>',
  '<!--<img src="--><img src=x onerror=!//">',
  '<![CDATA[><img src=x onerror=!>]]>',
  '<?xml version="1.0"?><img src=x onerror=!>',
  '<a title="`><img src=x onerror=!>">',
  '<img src="x` `<script>!</script>"` `>',
  "<p id='\"><img src=x onerror=!>'>",
  '<frameset><frame onload=!></frameset>',
]

/** Letters that look like markup, or hide it. `@` stands for a small piece of markup. */
const disguises: readonly Pattern[] = [
  '＜script＞!＜/script＞',
  '﹤img src=x onerror=!﹥',
  '‹img src=x onerror=!›',
  'ʺ onclick=!',
  '+ADw-script+AD4-!+ADw-/script+AD4-',
  '\u0000@',
  '<\u0000script>!</script>',
  '<scr\u0000ipt>!</script>',
  '<img\u0000src=x onerror=!>',
  '<img src=x onerror\u0000=!>',
  '\ufeff@',
  '\u200b@',
  '<\u200bscript>!</script>',
  '\u202e@\u202c',
  '\u2066@\u2069',
  '\u2028@',
  '\u2029@',
  '\u0085@',
  '\u000b@',
  '\u000c@',
  '<img\u000csrc=x\u000conerror=!>',
  '<img\u000bsrc=x onerror=!>',
  '<img/\u00a0/src=x onerror=!>',
  '\u001b]8;;javascript:!\u0007x\u001b]8;;\u0007',
  '\u{e0041}@',
  'e\u0301\u034f@',
  '\ud800@',
  '@\udc00',
  'ſcript:!<ſcript>!</ſcript>',
  'ﬁ<script>!</script>',
]

const encodings: readonly Pattern[] = [
  '&lt;script&gt;!&lt;/script&gt;',
  '&amp;lt;script&amp;gt;!&amp;lt;/script&amp;gt;',
  '&#60;script&#62;!&#60;/script&#62;',
  '&#x3c;img src=x onerror=!&#x3e;',
  '&#0000060script&#0000062!',
  '&LT;script&GT;!&LT;/script&GT;',
  '%3Cscript%3E!%3C/script%3E',
  '%253Cscript%253E!%253C/script%253E',
  '\\x3cscript\\x3e!\\x3c/script\\x3e',
  '\\u003cscript\\u003e!\\u003c/script\\u003e',
  '"+!+"',
  "'-!-'",
  '";!;//',
  "\\';!;//",
  '</script><script>!</script>',
  '*/!/*',
  'expression(!)',
  'url(javascript:!)',
  '}</style><script>!</script>',
  '<x style="background:url(javascript:!)">',
]

/** Every payload, always in the same order with the same numbers. */
export function xssPayloads(): Payload[] {
  const patterns: [string, Pattern][] = [
    ...elements.flatMap((element) => ways.map((way): [string, Pattern] => ['element', way + element])),
    ...events.flatMap((event) =>
      quotes.map((quote): [string, Pattern] => ['attribute', `x${quote} ${event}=${quote}!${quote} x=${quote}`]),
    ),
    ...addresses.map((text): [string, Pattern] => ['address', text]),
    ...templates.map((text): [string, Pattern] => ['template', text]),
    ...reread.map((text): [string, Pattern] => ['reread', text]),
    ...disguises.map((text): [string, Pattern] => ['disguise', text.replaceAll('@', '<img src=x onerror=!>')]),
    ...encodings.map((text): [string, Pattern] => ['encoding', text]),
  ]
  return patterns.map(([kind, text], id) => ({ id, kind, text: text.replaceAll('!', `xss(${id})`) }))
}

/** The corpus as it is kept: `node test/browser/xss-payloads.ts` writes it. */
export function corpusText(): string {
  return `[\n${xssPayloads()
    .map((payload) => `  ${JSON.stringify(payload)}`)
    .join(',\n')}\n]\n`
}

export const corpusFile = new URL('../fixtures/xss/payloads.json', import.meta.url)

if (process.argv[1] === import.meta.filename) writeFileSync(corpusFile, corpusText())
