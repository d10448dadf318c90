/**
 * The commonest function words of each language with a shared script, own list, no corpus. ISO 639-1 codes. Words of several
 * languages count less for each.
 */
export const functionWordsByLanguage: Readonly<Record<string, string>> = {
  en: 'the of and to in is that it for was on are with as be at this have from or by not but what all were when we there can an your which their will each about how if they you his her has would more its than been who do',
  es: 'de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante es son está puede fue ser tu',
  fr: "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec ou son cette aux ses comme mais on leur sa nous vous être fait elle aussi ces tout très peut je d'une c'est n'est qu'il votre",
  de: 'der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man ich wir',
  it: "di e il la che in a per un è del non con una sono da al le dei si come i gli della nel anche più ma lo alla ha delle questo o su se loro tra degli essere può suo nella dal sia molto quando perché quello sul dell'",
  pt: 'de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos são você',
  nl: 'de en van het een in is dat op te zijn met voor niet aan er om ook als dan maar bij nog door naar uit die kan over hebben wordt heeft deze worden dit tot je hij was wat wel of geen meer hun veel moet ze zou zich haar ik',
  sv: 'och i att det som en på är av för med till den har de inte om ett han men var jag sig från vi så kan när man nu ska hade vid efter eller också utan där alla mot mycket år vara blir detta måste du hur denna än deras',
  da: 'og i at det er en til på de den for af med ikke der som var han et har vi jeg kan om men så fra ved blev efter også sig eller når hun skal vil være mange hvor meget dette disse kun deres du hvad ud bliver mig hvis',
  no: 'og i det er en til på som for av at med den har de ikke et om var han vi jeg kan men så fra ved etter også seg eller når skal vil være mange hvor mye dette disse bare deres du hva ut blir meg hvis noen ble hun',
  fi: 'ja on ei että se oli hän mutta ovat kun joka myös voi niin sen kuin ole olla tai jos mitä hänen tämä mukaan ne jo vain sitä sekä jotka vuoden nyt tämän ovat voit kanssa minä hyvin kaikki koska siitä sinun',
  pl: 'w i na z do się nie to że jest o od po jak za przez ale dla są co tak był oraz tym może przy czy być już które który jego ich tylko tego bardzo także również te lub ta jako będzie można której mnie gdy nad',
  cs: 'a v se na je že s z do o i to jako za by ale pro jsou si od po tak který nebo ve při které jeho byl už není také být jen podle až může jsem bylo své když než více kde však před co která nové',
  ro: 'de în și a la cu o nu pe care să este un din că se mai pentru sunt dar au fost după sau ca prin al ei fi această cel lui foarte ale către sa ai despre între era poate acest fără cum când tot asta',
  hu: 'a az és hogy nem is egy ez azt de ha már volt meg csak mint vagy még lehet fel el van kell ki ami be sem minden nagyon után más pedig úgy majd amely ezt akkor mert olyan így lesz hogyan több szerint',
  tr: 've bir bu da de için ile çok olarak en daha olan gibi ne kadar sonra var ama o her mi değil ya ki veya olduğu ise göre ancak tarafından hem bunu şey bana ben diye nasıl zaman hiç iyi büyük sadece önce onun',
  id: 'dan yang di untuk dengan ini dari tidak dalam itu pada akan adalah ke juga atau oleh karena dapat telah bisa lebih saya anda ada mereka kami sudah sebagai kita bahwa tersebut seperti orang tetapi harus jika agar saat sangat',
  vi: 'và của là có được cho trong không với các một những người để này khi đã từ đó về như cũng nhiều tôi bạn đến ra vào sẽ thể theo trên làm phải hay tại rất nhưng hơn nếu vì còn thì ở sự',
  ca: "de la i el a que en els per un amb les no una del és al ha són com més es o però seva aquesta aquest dels pel si també molt entre sobre seu ser on fins quan perquè des tot l'any d'un",
  hr: 'i u je na se za da su od s o a kao to koji ili iz ne što po do će koja bio može te nije samo sa kako biti sve ali koje više prema tako bi god vrlo također još jer ako između svoje',
  sw: 'ya na wa kwa ni katika za la kuwa hii cha yake au ili kama hiyo wao pia watu lakini huu hivyo sana kutoka mtu zaidi kila moja huo baada yao ambayo vya hizo bila wakati wake kuna nchi hayo ndani hakuna',
  tl: 'ang ng sa na mga ay at ito para ni hindi isang may kung ako mo siya si rin ka kanyang nito iyon din pa ko namin upang dahil mula niya wala kaya pero lamang sila natin bilang ating kami ano nang o',
  lt: 'ir yra kad į su tai iš bei kaip ne buvo o už ar apie jis bet kurie nuo po dėl gali jau tik taip savo jo per metų iki prie labai būti arba kai mes jūs šis kuris tačiau daug pat',
  et: 'ja on ei et see oli ta kui ka oma mis või siis aga nii seda ning veel kes selle olla need ning väga mida neid juba kuid mitte oleks pärast võib kõik nagu üks koos aasta sa me',
  sl: 'in je na se za da so ki v z ne pa s po ali iz kot tudi bi kar od do še pri ni že lahko to ter bil ko če kako samo biti zelo vse več med svoj njegov bilo tako ker',
  ru: 'и в не на что с по это как а из у к за от для его он но все так же было или быть если также мы вы они который может при до то только их когда более уже есть чтобы она был этого без вас ваш',
  uk: 'і в на не що з та до це як у за від для його але він або також при я бути ви вони може якщо був є так після між під про її більше які який тільки коли було щоб цього їх ще без вас',
  bg: 'на и в да за се от е с по не са като че до ще при или а това към има беше след може но който във тази те които би той със както много само вие между още са без ние този бъде които ако',
  sr: 'и у је на се за да су од са о а као то који или из не што по до ће која био може није само како бити све али које више према тако би врло још јер ако између своје',
  ar: 'في من على أن إلى عن التي الذي هذا هذه مع لا ما كان كما أو هو هي ذلك بين كل بعد قد لم حيث يمكن ثم عند إن غير خلال كانت وقد ولا وهو لكن حتى يتم لها به',
  fa: 'و در به از که این را با است برای آن یک می شود شده تا بر خود هم کرد اما یا باید دارد های ها اند همه نیز هر شما چه بود کند بین پس بیشتر کنید اگر ما او',
  ur: 'کے میں کی اور ہے کا سے کو نے یہ ہیں پر اس کہ بھی ایک ہو کر جو وہ کیا تھا کے لیے لئے گیا ان ہی آپ تو یا نہیں ہوتا اپنے تک گے جا والے بہت ساتھ رہے',
  hi: 'के में की है और का से को कि यह पर ने हैं एक भी इस हो लिए जो कर तो नहीं या ही वह था अपने साथ कुछ हम आप बाद तक जा रहे गया करने होता थे करें सकते',
  mr: 'आणि आहे या आहेत च्या ते हे की व मध्ये एक नाही असे तर केले त्या होते साठी करून हा झाले म्हणून तो ही त्यांनी आपल्या किंवा पण होता अधिक वर असते आपण करा',
  ne: 'र छ को मा का ले यो पनि भने एक लागि हो छन् गर्न तथा गरेको यस हुन् थियो भएको हुने बाट सँग तर गर्ने वा उनले अनि सबै गर्दै आफ्नो त्यो नै हामी तपाईं',
}

/** Languages known by script alone. Kana makes a text Japanese, whatever Han stands beside it. */
export const languagesByScript: readonly (readonly [script: string, language: string])[] = [
  ['Hiragana', 'ja'],
  ['Katakana', 'ja'],
  ['Hangul', 'ko'],
  ['Han', 'zh'],
  ['Greek', 'el'],
  ['Hebrew', 'he'],
  ['Thai', 'th'],
  ['Lao', 'lo'],
  ['Khmer', 'km'],
  ['Myanmar', 'my'],
  ['Georgian', 'ka'],
  ['Armenian', 'hy'],
  ['Bengali', 'bn'],
  ['Tamil', 'ta'],
  ['Telugu', 'te'],
  ['Kannada', 'kn'],
  ['Malayalam', 'ml'],
  ['Gujarati', 'gu'],
  ['Gurmukhi', 'pa'],
  ['Sinhala', 'si'],
  ['Ethiopic', 'am'],
]

/** Scripts several languages share, with the languages tried for each. */
export const languagesOfScript: Readonly<Record<string, readonly string[]>> = {
  Latin: 'en es fr de it pt nl sv da no fi pl cs ro hu tr id vi ca hr sw tl lt et sl'.split(' '),
  Cyrillic: ['ru', 'uk', 'bg', 'sr'],
  Arabic: ['ar', 'fa', 'ur'],
  Devanagari: ['hi', 'mr', 'ne'],
}

/** Letters that one of the languages uses and the others of its script hardly do: [letters, language, weight of one word]. */
export const tellingLetters: readonly (readonly [letters: string, languages: readonly string[]])[] = [
  ['ñ¿¡', ['es']],
  ['ß', ['de']],
  ['ãõ', ['pt']],
  ['œêùç', ['fr']],
  ['łąęśźżń', ['pl']],
  ['řěů', ['cs']],
  ['ășț', ['ro']],
  ['őű', ['hu']],
  ['ğış', ['tr']],
  ['ơưđạảấầẩậắặẹẻẽếềểệỉịọỏốồổộớờởợụủứừửựỳỵỷỹ', ['vi']],
  ['æø', ['da', 'no']],
  ['ґєії', ['uk']],
  ['ыэё', ['ru']],
  ['ъщ', ['bg', 'ru']],
  ['ђјљњћџ', ['sr']],
  ['پچژگ', ['fa', 'ur']],
  ['ٹڈڑںےہھ', ['ur']],
  ['ةىؤ', ['ar']],
  ['ळ', ['mr']],
]

/** Languages that this evaluator cannot reliably tell apart: one in place of the other is no verdict. */
export const confusable: readonly (readonly string[])[] = [
  ['da', 'no', 'nb', 'nn', 'sv'],
  ['id', 'ms'],
  ['hr', 'sr', 'bs', 'sl'],
  ['cs', 'sk'],
  ['hi', 'mr', 'ne'],
  ['es', 'ca', 'gl', 'pt'],
]
