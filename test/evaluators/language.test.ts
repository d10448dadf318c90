import { describe, expect, it } from 'vitest'
import { expectationNames } from '#datasets/item-schema.ts'
import { detectLanguage, knownLanguages } from '#evaluators/language-detect.ts'
import { requestedLanguage } from '#evaluators/language-request.ts'
import { evaluatorNames } from '#evaluators/registry.ts'
import { problemsOf, scoreOf } from './support.ts'

const samples: Readonly<Record<string, string>> = {
  en: 'The weather will be fine in the north, but there may be some rain in the evening.',
  es: 'El tiempo será bueno en el norte, pero puede haber algo de lluvia por la noche.',
  fr: 'Le temps sera beau dans le nord, mais il peut y avoir un peu de pluie dans la soirée.',
  de: 'Das Wetter wird im Norden schön, aber am Abend kann es etwas regnen.',
  it: 'Il tempo sarà bello nel nord, ma ci può essere un po’ di pioggia nella sera.',
  pt: 'O tempo será bom no norte, mas pode haver um pouco de chuva à noite, não muita.',
  nl: 'Het weer wordt mooi in het noorden, maar er kan in de avond wat regen vallen.',
  pl: 'Pogoda będzie ładna na północy, ale wieczorem może padać deszcz.',
  tr: 'Kuzeyde hava güzel olacak ama akşam biraz yağmur yağabilir ve rüzgar da var.',
  vi: 'Thời tiết sẽ đẹp ở miền bắc, nhưng có thể có mưa vào buổi tối.',
  fi: 'Sää on pohjoisessa hyvä, mutta illalla voi olla hieman sadetta ja se on kylmä.',
  hu: 'Az idő szép lesz északon, de este egy kis eső is lehet, és nem lesz meleg.',
  ru: 'Погода на севере будет хорошая, но вечером может быть небольшой дождь.',
  uk: 'Погода на півночі буде гарна, але ввечері може бути невеликий дощ.',
  ar: 'سيكون الطقس جيدا في الشمال، لكن قد يكون هناك بعض المطر في المساء.',
  fa: 'هوا در شمال خوب خواهد بود اما ممکن است در شب کمی باران باشد.',
  hi: 'उत्तर में मौसम अच्छा रहेगा लेकिन शाम को थोड़ी बारिश हो सकती है।',
  ja: '北部では天気が良いですが、夕方には少し雨が降るかもしれません。',
  zh: '北部天气晴朗，但傍晚可能会有小雨。',
  ko: '북부 지방은 날씨가 좋겠지만 저녁에는 비가 조금 올 수 있습니다.',
  el: 'Ο καιρός θα είναι καλός στον βορρά, αλλά μπορεί να βρέξει το βράδυ.',
  he: 'מזג האוויר יהיה נאה בצפון, אבל ייתכן גשם קל בערב.',
  th: 'อากาศทางภาคเหนือจะดี แต่อาจมีฝนตกเล็กน้อยในตอนเย็น',
  kn: 'ಉತ್ತರದಲ್ಲಿ ಹವಾಮಾನ ಚೆನ್ನಾಗಿರುತ್ತದೆ.',
}

describe('recognising a language', () => {
  it.each(Object.entries(samples))('knows %s', (language, text) => {
    expect(detectLanguage(text).language).toBe(language)
  })

  it.each(['', '12.5 + 3', 'OK', '```js\nconst the = of(and)\n```', 'Zürich', '👍👍', '{"id": 17}'])(
    'says nothing of %j',
    (text) => {
      expect(detectLanguage(text).language).toBeNull()
    },
  )

  it('has a list of names without repetition, in order', () => {
    expect(knownLanguages).toEqual([...new Set(knownLanguages)].sort())
  })
})

describe('which language a request asks for', () => {
  it.each<[string, unknown]>([
    ['Answer in French, please.', { kind: 'one', language: 'fr' }],
    ['Write it in the Kannada language.', { kind: 'one', language: 'kn' }],
    ['Responde en alemán.', { kind: 'one', language: 'de' }],
    ['日本語で答えてください。', { kind: 'one', language: 'ja' }],
    ['Translate this from English to French.', { kind: 'unclear', names: ['en', 'fr'] }],
    ['Who teaches Spanish at the school?', { kind: 'unclear', names: ['es'] }],
    ['What time is it?', { kind: 'none' }],
    ['I will polish it.', { kind: 'none' }],
  ])('%s', (request, wanted) => {
    const found = requestedLanguage(request)
    if (request.includes('polish')) expect(found.kind).not.toBe('one')
    else expect(found).toEqual(wanted)
  })
})

describe('language (C5)', () => {
  const ask = (content: string) => [{ role: 'user', content }]

  it('expects the language of the request, which the answer may miss', async () => {
    const right = await scoreOf(
      'language',
      {},
      { output: samples['es']!, messages: ask('¿Qué tiempo hará mañana en el norte del país?') },
    )
    expect(right).toMatchObject({ status: 'scored', value: 1, details: { by: 'the request’s own language' } })
    const wrong = await scoreOf(
      'language',
      {},
      { output: samples['en']!, messages: ask('¿Qué tiempo hará mañana en el norte del país?') },
    )
    expect(wrong).toMatchObject({ status: 'scored', value: 0, details: { found: ['en'] } })
  })

  it('expects what the request names before its own language, and the item before both', async () => {
    const messages = ask('Tell me about the weather in the north. Answer in German.')
    expect(await scoreOf('language', {}, { output: samples['de']!, messages })).toMatchObject({ value: 1 })
    expect(
      await scoreOf('language', {}, { output: samples['de']!, messages, expect: { language: 'fr' } }),
    ).toMatchObject({ value: 0 })
  })

  it('sees that an answer changes its language half way', async () => {
    const output = `${samples['fr']} ${samples['fr']}\n\n${samples['en']} ${samples['en']}`
    const score = await scoreOf('language', { expected: 'fr' }, { output })
    expect(score).toMatchObject({ status: 'scored', details: { found: ['fr', 'en'] } })
    expect(score.status === 'scored' && score.value).toBeGreaterThan(0.3)
    expect(score.status === 'scored' && score.value).toBeLessThan(0.7)
  })

  it.each<[string, Parameters<typeof scoreOf>[2]]>([
    ['a number', { output: '42', messages: ask(samples['en']!) }],
    [
      'a request that names several languages',
      { output: samples['fr']!, messages: ask('Translate from English to French: hello') },
    ],
    ['a request too short to tell', { output: samples['fr']!, messages: ask('ok?') }],
    ['no request', { output: samples['fr']! }],
  ])('is not applicable to %s', async (_title, fields) => {
    expect(await scoreOf('language', {}, fields)).toMatchObject({ status: 'not_applicable' })
  })

  it('does not blame one of two languages that it cannot tell apart', async () => {
    const danish = 'Vejret bliver godt i nord, men der kan komme lidt regn om aftenen, og det er ikke varmt.'
    expect((await scoreOf('language', { expected: 'no' }, { output: danish })).status).not.toBe('errored')
    expect(await scoreOf('language', { expected: 'no' }, { output: danish })).not.toMatchObject({ value: 0 })
  })

  it('refuses a language it does not know', () => {
    expect(problemsOf('language', { expected: 'tlh' })[0]?.message).toContain('am, ar')
  })
})

it('every expectation of an item belongs to an evaluator', () => {
  expect(expectationNames.filter((name) => !evaluatorNames.includes(name))).toEqual([])
})
