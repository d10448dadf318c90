/** Names of languages in English and, for the commonest, in their own and neighbouring languages; lower case. */
const names: Readonly<Record<string, string>> = {
  am: 'amharic',
  ar: 'arabic árabe arabe arabisch アラビア語',
  bg: 'bulgarian búlgaro bulgare',
  bn: 'bengali bangla bengalí',
  ca: 'catalan catalán catalán',
  cs: 'czech checo tchèque tschechisch',
  da: 'danish danés danois dänisch',
  de: 'german alemán allemand deutsch alemão tedesco ドイツ語',
  el: 'greek griego grec griechisch',
  en: 'english inglés anglais englisch inglês inglese 英語',
  es: 'spanish español castellano espagnol spanisch espanhol spagnolo スペイン語',
  fa: 'persian farsi persa persan',
  fi: 'finnish finés finlandés finnois finnisch',
  fr: 'french francés français französisch francês francese フランス語',
  gu: 'gujarati',
  he: 'hebrew hebreo hébreu',
  hi: 'hindi',
  hr: 'croatian croata croate',
  hu: 'hungarian húngaro hongrois ungarisch',
  id: 'indonesian bahasa',
  it: 'italian italiano italien italienisch イタリア語',
  ja: 'japanese japonés japonais japanisch japonês 日本語',
  kn: 'kannada',
  ko: 'korean coreano coréen koreanisch 韓国語',
  lt: 'lithuanian lituano',
  ml: 'malayalam',
  mr: 'marathi',
  ne: 'nepali',
  nl: 'dutch neerlandés holandés néerlandais niederländisch',
  no: 'norwegian noruego norvégien norwegisch',
  pa: 'punjabi panjabi',
  pl: 'polish polaco polonais polnisch',
  pt: 'portuguese portugués portugais portugiesisch português ポルトガル語',
  ro: 'romanian rumano roumain',
  ru: 'russian ruso russe russisch ロシア語',
  sr: 'serbian serbio serbe',
  sv: 'swedish sueco suédois schwedisch',
  sw: 'swahili',
  ta: 'tamil',
  te: 'telugu',
  th: 'thai tailandés thaï タイ語',
  tl: 'tagalog filipino',
  tr: 'turkish turco turc türkisch',
  uk: 'ukrainian ucraniano ukrainien',
  ur: 'urdu',
  vi: 'vietnamese vietnamita vietnamien ベトナム語',
  zh: 'chinese mandarin chino chinois chinesisch 中国語',
}

const byName = new Map(Object.entries(names).flatMap(([code, list]) => list.split(' ').map((name) => [name, code])))
const anyName = [...byName.keys()].join('|')
const spaced = new RegExp(`(?<![\\p{L}])(?:${anyName})(?![\\p{L}])`, 'giu')
const dense = new RegExp(
  [...byName.keys()].filter((name) => /\p{Script=Han}|\p{Script=Katakana}/u.test(name)).join('|'),
  'gu',
)

/** "in Kannada", "into the French language", "using only Hindi", "en español", "auf Deutsch", "только"-less; "日本語で". */
const asked = new RegExp(
  `(?:\\b(?:in|into|using|only|en|auf|em|al|au|ins)\\s+(?:only\\s+|the\\s+|just\\s+|la\\s+langue\\s+)?(${anyName})(?![\\p{L}]))|(${[...byName.keys()].filter((name) => /語$/.test(name)).join('|')})(?:のみ|だけ)?で|\\b(${anyName})\\s+(?:language|only)(?![\\p{L}])`,
  'giu',
)

/** One language asked for; several named or one named in a way that may mean anything; none named. */
export type RequestedLanguage =
  | { readonly kind: 'one'; readonly language: string }
  | { readonly kind: 'unclear'; readonly names: readonly string[] }
  | { readonly kind: 'none' }

/** Which language a request asks its answer in by name. Reads the first and last 4,000 characters. */
export function requestedLanguage(request: string): RequestedLanguage {
  const text = request.length <= 8_000 ? request : `${request.slice(0, 4_000)}\n${request.slice(-4_000)}`
  const codesOf = (found: readonly (string | undefined)[]) => [
    ...new Set(found.flatMap((name) => byName.get((name ?? '').toLowerCase()) ?? [])),
  ]
  const named = codesOf([...(text.match(spaced) ?? []), ...(text.match(dense) ?? [])])
  if (named.length === 0) return { kind: 'none' }
  const wanted = codesOf([...text.matchAll(asked)].map((match) => match[1] ?? match[2] ?? match[3]))
  const [only] = wanted
  if (only !== undefined && wanted.length === 1 && named.length === 1) return { kind: 'one', language: only }
  return { kind: 'unclear', names: named }
}
