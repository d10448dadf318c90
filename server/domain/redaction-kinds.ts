/** Kinds of personal data and secrets that are made unreadable before anything is stored (B6). */
export type RedactedKind =
  | 'secret'
  | 'email'
  | 'iban'
  | 'card'
  | 'ssn'
  | 'phone'
  | 'ip'
  | 'name'
  | 'address'
  | 'postcode'
  | 'birthdate'
  | 'document'
  | 'link'

/** Where one kind may stand, and what a match must satisfy besides. */
export interface KindPattern {
  readonly kind: RedactedKind
  readonly pattern: RegExp
  readonly holds: (match: string) => boolean
  /** What a text must hold to be searched at all: an `@`, or so many digits. */
  readonly needs: 'at' | number
  /** Quicker to look for than the pattern and found wherever that is; absent: nothing is. */
  readonly hint?: RegExp
}

const always = () => true

/**
 * In order of search: what an earlier one masked, a later one no longer sees. All quantifiers are bounded, so matching takes
 * time in proportion to the text. Grammar:
 *
 * secret    a private key block; a vendor's prefix and its token; a JSON Web Token; `Bearer` and a token; user and password of
 *           a URL; what a name such as `password=` announces; a long token of mixed letters and digits
 * email     mailbox, `@`, domain
 * iban      country, two check digits, 11 to 30 letters or digits in groups of four
 * card      12 to 19 digits, single blanks or dashes between them
 * ssn       three, two and four digits with dashes
 * phone     `+` and 7 to 15 digits; or an area code in brackets; or digits in groups as North America and Europe write them;
 *           or any groups of digits behind a word that announces a number
 * ip        a public IPv4 address; an IPv6 address of four groups or more
 * document  number of a passport or licence, behind its name
 * postcode  behind `zip` or `postcode`, or behind a state or a street
 * birthdate behind `born` or `date of birth`
 * name      behind a title or a phrase that introduces a person
 * address   house number and street in either order, by the street's word; a post box
 * link      a web address that a phrase calls one's own
 */
export const kindPatterns: readonly KindPattern[] = [
  {
    kind: 'secret',
    pattern: /(?<=-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[^-]{16,16384}/g,
    holds: always,
    needs: 0,
    hint: /PRIVATE KEY/,
  },
  {
    kind: 'secret',
    pattern:
      /(?<![A-Za-z0-9_-])(?:(?:sk|pk|rk|ghp|gho|ghs|ghu|ghr|glpat|xox[abeprs]|hf|key|token|ilk|gsk|xai|pplx|r8|npm|pypi|dop_v1|shpat|shpss|shppa|lin_api|ntn|secret|whsec|PMAK|sntrys|dckr_pat|nvapi|csk|fw|tvly|figd|rubygems|atlasv2|ATATT|dp\.pt|EAA|rc)[-_][A-Za-z0-9_-]{16,256}|github_pat_[A-Za-z0-9_]{20,256}|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,60}|ya29\.[A-Za-z0-9_-]{20,512}|SG\.[A-Za-z0-9_-]{12,64}\.[A-Za-z0-9_-]{12,64}|dapi[a-f0-9]{32}|(?:AC|SK)[a-f0-9]{32}|\d{8,10}:AA[A-Za-z0-9_-]{30,40}|eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,1024})/g,
    holds: (match) => /\d/.test(match),
    needs: 1,
  },
  { kind: 'secret', pattern: /(?<=\bBearer )[A-Za-z0-9._~+/=-]{16,4096}/gi, holds: always, needs: 0, hint: /bearer /i },
  {
    kind: 'secret',
    pattern: /(?<=\b[A-Za-z][A-Za-z0-9+.-]{1,20}:\/\/)[^\s:@/\\"]{0,64}:[^\s@/\\"]{1,256}(?=@)/g,
    holds: always,
    needs: 'at',
    hint: /:\/\//,
  },
  {
    kind: 'secret',
    pattern:
      /(?<=(?:pass(?:word|wd|phrase)|pwd|secret|api[_ -]?key|access[_-]?key|account[_-]?key|shared[_-]?access[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key)\\?["']?\s{0,2}(?:[:=]|=>|\bis\b)\s{0,2}\\?["']?)[^\s"'`,;<>{}()[\]\\]{6,512}/gi,
    holds: (match) => /[\d!@#$%^&*+/=]/.test(match) && !/^(?:https?:|\$|[p]rocess\.|os\.|env)/i.test(match),
    needs: 0,
    hint: /pass|pwd|secret|key|token/i,
  },
  {
    kind: 'email',
    pattern: /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}[\p{L}]{2,24}/gu,
    holds: always,
    needs: 'at',
  },
  {
    kind: 'iban',
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])/g,
    holds: isIban,
    needs: 4,
  },
  { kind: 'card', pattern: /(?<![\d.])[1-6]\d(?:[ -]?\d){10,17}(?![\d])/g, holds: isCardNumber, needs: 11 },
  {
    // Announced: a number with a slip of the pen is one too.
    kind: 'card',
    pattern:
      /(?<=\b(?:(?:credit|debit|my|this|the) card|card number|cc)(?: number)?(?: is|:|#| to)? {0,2})\d(?:[ -]?\d){11,18}(?!\d)/gi,
    holds: always,
    needs: 11,
  },
  {
    kind: 'ssn',
    pattern: /(?<![\w.-])(?!000)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])/g,
    holds: always,
    needs: 9,
  },
  {
    kind: 'document',
    pattern:
      /(?<=\b(?:passport|licen[cs]e|social security|ssn|national insurance|tax id|tin|national id)\b(?: (?:number|no\.?|id|#))?\s{0,2}(?:is|:|#|=)?\s{0,2})(?=[A-Za-z]{0,3}[ -]?\d)[A-Za-z0-9](?:[A-Za-z0-9]|[ -](?=\d)){4,22}[A-Za-z0-9]/gi,
    holds: (match) => hasDigits(match, 5, 20),
    needs: 5,
    hint: /passport|licen[cs]e|social security|ssn|insurance|tax id|\btin\b|national id/i,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+])(?:\+|00)\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?:x\d{1,5})?(?!\w)/g,
    holds: (match) => hasDigits(match, 8, 20),
    needs: 7,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+])\(\d{2,5}\)[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}(?:x\d{1,5})?(?!\w)/g,
    holds: (match) => hasDigits(match, 7, 20),
    needs: 7,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+-])(?:1[ .-])?\d{3}([ .-])\d{3}\1\d{4}(?:x\d{1,5}|(?!\w|-\d))/g,
    holds: always,
    needs: 7,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w.+-])0\d{1,4}(?:[ /.-]\d{2,8}){1,4}(?!\w|-\d)/g,
    holds: (match) => hasDigits(match, 9, 12),
    needs: 7,
  },
  {
    kind: 'phone',
    pattern:
      /(?<=\b(?:phone|call|calling|tel|telephone|mobile|cell|fax|whatsapp|text|sms|number|messages? (?:to|on)|answering at|reach(?:ed)? (?:me )?(?:at|on)|contact(?:ed)? (?:me )?(?:at|on))\b[^\d]{0,30})\d{2,4}(?:[ .-]\d{2,7}){1,4}(?![\w-])/gi,
    holds: (match) => hasDigits(match, 7, 12) && !/^\d{4}-\d{2}-\d{2}/.test(match),
    needs: 7,
  },
  {
    kind: 'ip',
    pattern: /(?<![\w.-])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w-]|\.\d)/g,
    holds: isPublicAddress,
    needs: 4,
  },
  {
    kind: 'ip',
    pattern: /(?<![\w:.])(?:[0-9a-f]{1,4}:){1,7}(?::(?:[0-9a-f]{1,4}:){0,5}[0-9a-f]{1,4}|[0-9a-f]{1,4})(?![\w:])/gi,
    holds: (match) => /\d/.test(match) && (match.includes('::') ? match.length > 8 : match.split(':').length === 8),
    needs: 4,
    hint: /[0-9a-f]:[0-9a-f:]/i,
  },
  {
    kind: 'birthdate',
    pattern:
      /(?<=\b(?:birth ?date|date of birth|d\.?o\.?b\.?|born(?: on)?|birthday)\b[^\d\n]{0,20})\d{1,4}[/. -]\d{1,2}[/. -]\d{1,4}(?!\d)/gi,
    holds: always,
    needs: 3,
  },
  {
    kind: 'postcode',
    pattern: /(?<=\b(?:zip|post(?:al)?)(?: ?code)?\s{0,2}(?:is|:|#|=)?\s{0,2})\d{3,6}(?:-\d{3,4})?(?![\w-])/gi,
    holds: always,
    needs: 3,
  },
  {
    kind: 'address',
    pattern:
      /(?<![\p{L}\p{N}.,-])\d{1,6}[A-Za-z]?(?:[ \t]{1,2}[\p{L}\p{N}.'’-]{1,30}){1,5}?[ \t]{1,2}(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|way|place|pl|square|sq|terrace|crescent|close|highway|hwy|parkway|pkwy|circle|trail|alley)\b\.?(?:,?[ \t\n]{1,4}(?:suite|ste|apt|apartment|unit|floor|#)\.?[ \t]?[\w-]{1,8}){0,2}/giu,
    holds: isStreet,
    needs: 1,
  },
  {
    kind: 'address',
    pattern:
      /(?<![\p{L}\p{N}])(?:\d{1,6}[ \t]{1,2})?(?:(?:rue|avenue|av\.|via|viale|piazza|calle|avenida|rua|plaza|ul\.|ulica)[ \t](?:[\p{L}.'’-]{1,30}[ \t]){1,4}\d{1,5}|[\p{L}-]{2,30}(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|gata|gatan|gade|vej|vegen|veien|straat|laan|katu|utca)[ \t]\d{1,5})[A-Za-z]?(?![\p{L}\p{N}])/giu,
    holds: always,
    needs: 1,
  },
  {
    // Announced: from the house number to the last number near it.
    kind: 'address',
    pattern:
      /(?<=\b(?:address(?: of [^\n.?!]{1,40})?(?: is|:| to| with)|addresses, here they are:|liv(?:e|es|ed|ing) (?:at|in)|(?:located|office is|arrived) at|return to|taxi to)\s{1,3})\d{1,6}[ \t][^?!;|]{4,120}?\d{4,6}\b(?![ \t]{1,2}\d{1,4} )/gi,
    holds: always,
    needs: 1,
  },
  {
    kind: 'address',
    pattern: /\b(?:apt|apartment|suite)\.?[ \t]\d{1,5}\b|\b[AFD]PO A[AEP] \d{5}\b/gi,
    holds: always,
    needs: 1,
  },
  {
    kind: 'address',
    pattern: /\b(?:p\.? ?o\.? ?box|postbox|psc|unit \d{1,5} box|apo a[ape])[ \t]\d{1,6}(?:,? box \d{1,6})?/gi,
    holds: always,
    needs: 1,
  },
  {
    kind: 'name',
    pattern:
      /(?<=(?<![\p{L}])(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Madam|Herr|Frau|Mme|Mlle|Sr|Sra|Señor|Señora)(?:\.|\b) {0,2})\p{Lu}[\p{L}'’-]{1,30}(?:(?: \p{Lu}\.)? \p{Lu}[\p{L}'’-]{1,30}){0,2}/gu,
    holds: always,
    needs: 0,
  },
  {
    kind: 'name',
    pattern:
      /(?<=(?<![\p{L}])(?:[Mm]y (?:full |last |first |middle )?name is|[Nn]ame:|[Nn]ame\?(?: User:)?|(?:[Ii] am|[Ii]['’]m) called|[Ss]igned,|[Rr]egards,|[Ss]incerely,)\s{1,4})\p{Lu}[\p{L}'’-]{1,30}(?:(?: \p{Lu}\.)? \p{Lu}[\p{L}'’-]{1,30}){0,3}/gu,
    holds: always,
    needs: 0,
  },
  {
    kind: 'link',
    pattern:
      /(?<=\b(?:my|personal|own) (?:web ?site|home ?page|blog|profile)(?: is|:)? {0,2})https?:\/\/[^\s"'<>\\]{4,200}/gi,
    holds: always,
    needs: 0,
    hint: /https?:/i,
  },
  {
    kind: 'secret',
    pattern: /(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+/_-]{32,512}={0,2}(?![A-Za-z0-9+/_=-])/g,
    holds: isRandomToken,
    needs: 1,
  },
]

/** ISO 13616: letters count 10 to 35, the first four characters go last, the number modulo 97 is 1. */
function isIban(match: string): boolean {
  const compact = match.replaceAll(' ', '')
  if (compact.length < 15 || compact.length > 34) return false
  let rest = 0
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest === 1
}

/**
 * Lengths as the schemes issue them (12 digits: Maestro; 13: Visa; 14: Diners; 15: American Express, JCB), and Luhn's check: every
 * second digit from the right doubled, digits summed, a multiple of ten. Times in milliseconds (13 digits, 1 first) are none.
 */
function isCardNumber(match: string): boolean {
  const digits = match.replace(/\D/g, '')
  const isIssued = /^(?:(?:5[06-8]|6)\d{10}|4\d{12}|3[068]\d{12}|(?:3[47]\d\d|1800|2131)\d{11}|[2-6]\d{15,18})$/.test(
    digits,
  )
  if (!isIssued || /^(\d)\1+$/.test(digits)) return false
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = index % 2 === 1 ? Number(digit) * 2 : Number(digit)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

function hasDigits(match: string, least: number, most: number): boolean {
  const count = match.replace(/\D/g, '').length
  return count >= least && count <= most
}

/** Private, loopback, link-local, unspecified and documentation addresses name no person (RFC 1918, 5735, 5737). */
function isPublicAddress(match: string): boolean {
  return !/^(?:0|10|127)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^169\.254\.|^22[4-9]\.|^2[3-5]\d\.|^192\.0\.2\.|^198\.51\.100\.|^203\.0\.113\.|^1\.1\.1\.1$|^8\.8\.[48]\.[48]$/.test(
    match,
  )
}

/** Words such as `square` and `way` end many things: written small throughout, only the plainest street words count. */
function isStreet(match: string): boolean {
  return /\p{Lu}/u.test(match) || /\b(?:street|st|avenue|ave|road|rd|lane|boulevard)\b/.test(match)
}

/** Longest run of letters of one case, or of digits, in a random token of this length or less. */
const longestRun = 7

/**
 * A token that only a machine writes: upper case, lower case and digits mixed, no long run of one of them, at least half of its
 * characters different. Digests in hexadecimal are not: they name things, they open nothing.
 */
function isRandomToken(match: string): boolean {
  if (!/[a-z]/.test(match) || !/[A-Z]/.test(match) || (match.match(/\d/g)?.length ?? 0) < 3) return false
  if (/^[0-9a-f-]+$|^[0-9A-F-]+$/.test(match)) return false
  // Names of files and constants hold words.
  if (match.split(/[^A-Za-z0-9]/).some((piece) => /^[A-Za-z]{4,}$/.test(piece))) return false
  if (new RegExp(`[a-z]{${longestRun + 1}}|[A-Z]{${longestRun + 1}}|\\d{${longestRun + 1}}`).test(match)) return false
  return new Set(match).size >= Math.min(20, match.length / 2)
}
