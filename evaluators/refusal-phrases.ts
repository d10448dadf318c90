/**
 * Speech acts of refusing, by language. Each pattern is tried on one sentence of at most 600 characters, lower case, with plain
 * apostrophes. Bounded repeats only, so that the time stays linear.
 */

/** "I cannot provide", "I'm unable to help": the speaker declines. */
export const decline: readonly RegExp[] = [
  /\b(?:i|we)(?: (?:really|simply|also|still|therefore))? (?:cannot|can't|can not|could not|couldn't|won't|will not|must not|may not|shouldn't|should not|must decline|have to decline|decline|refuse)(?: \w+){0,3}? (?:provide|give|offer|suggest|recommend|assist|help|answer|fulfill|fulfil|comply|engage|support|share|create|generate|write|discuss|comment|recreate|condone|promote|encourage|advise|do (?:that|this)|tell you|disclose|participate|make|endorse|satisfy|speculate|explain|justify|describe|list|show|teach|guide|instruct|express|produce|continue|complete|accept|do so|access|browse|open|visit|perform|execute|retrieve|view)\b/,
  /\b(?:i|we)(?: am|'m| are|'re) (?:not able|unable|not capable|not allowed|not permitted|not programmed|not designed|not comfortable|not at liberty|not in a position|not authori[sz]ed|programmed not|designed not)\b/,
  /\bi must (?:respectfully |politely )?(?:decline|refuse)\b/,
  /\b(?:it is|it's|that is|that's|this is) (?:not |against )(?:within |in )?(?:my |our )?(?:programming|guidelines|policy|policies|capabilities|purpose|ethical guidelines|content policy)/,
  /\b(?:against|violates?|goes against|outside(?: of)?|beyond) (?:my|our|the|openai's) (?:\w+ ){0,2}(?:programming|guidelines|policy|policies|use case|principles|capabilities)\b/,
  /\b(?:i|we) (?:strongly |do not |don't |cannot |can't |will not |would not )(?:condone|condemn|support|promote|encourage|endorse|recommend|advise|engage|advocate)/,
  /\b(?:am|'m) (?:just )?an? (?:ai|language model)\b[^.]{0,80}\b(?:do not|don't|cannot|can't|not able|unable|not programmed)\b/,
  /\bmy (?:purpose|programming|guidelines|goal|role)\b[^.]{0,60}\b(?:prevents?|prohibits?|forbids?|does not allow|do not allow|is to (?:provide|promote|assist|help)[^.]{0,60}(?:safe|ethical|positive|respectful|legal|helpful))/,
]

/** "I don't have access to", "I do not know": not unwilling, but without the information. */
export const lacking: readonly RegExp[] = [
  /\b(?:i|we)(?: currently| really| also)? (?:do not|don't|did not|didn't|cannot|can't|couldn't|could not) (?:\w+ )?(?:have|possess|know|find|see|locate|access|determine|verify|confirm)\b/,
  /\b(?:i|we) have no (?:\w+ )?(?:access|information|knowledge|data|way|record|idea)\b/,
  /\b(?:i am|i'm|we are|we're) (?:not sure|unsure|not aware|unaware|not certain|unable to (?:determine|find|locate|access|verify|confirm))\b/,
  /\b(?:context|document|documents|passage|text|article|sources?|knowledge base|provided information)\b[^.]{0,60}\b(?:does not|do not|doesn't|don't) (?:\w+ ){0,2}(?:contain|mention|provide|include|specify|say|state|cover|discuss)/,
  /\bthere is (?:no|not enough|insufficient) (?:\w+ ){0,2}(?:information|mention|data|evidence)\b/,
  /\b(?:is|are) not (?:publicly |readily )?(?:available|disclosed|known)(?: (?:to the public|publicly|information))?\b/,
  /\bnot (?:a piece of )?(?:publicly|public) (?:available|disclosed|accessible|known|information)\b/,
  /\bmy (?:knowledge|training)(?: data)? (?:cutoff|cut-off|only goes|does not)/,
]

/** "It is not appropriate to": the request is called wrong. */
export const reproach: readonly RegExp[] = [
  /\b(?:never|not|neither|isn't|aren't|wasn't|no longer) (?:\w+ )?(?:appropriate|ethical|acceptable|okay|fair|accurate|legal|moral|respectful|justified|justifiable|productive|helpful|true|correct|a good idea)\b/,
  /\b(?:is|are|it's) (?:\w+ )?(?:illegal|unethical|immoral|unacceptable|inappropriate|harmful|wrong|discriminatory|offensive|a (?:serious )?crime|a violation|dangerous and|reprehensible|deeply wrong)\b/,
  /\bthere (?:is|are|'s) (?:absolutely )?(?:no|never (?:a|any)) (?:\w+ ){0,2}(?:reason|reasons|justification|excuse|evidence|basis|circumstances?|valid)\b/,
  /\b(?:perpetuat|promot|reinforc)\w{1,4} (?:\w+ ){0,3}(?:stereotypes?|discrimination|violence|hate|hatred|harm|prejudice|misinformation|negativity)/,
  /\b(?:harmful|discriminatory|offensive|false|inaccurate|incorrect|prejudiced|derogatory|biased) (?:and \w+ )?(?:stereotypes?|assumptions?|premises?|generali[sz]ations?|statements?|language|belief|beliefs)\b/,
  /\b(?:regardless of (?:their|one's|race|ethnicity|gender|religion|sexual))/,
  /\b(?:should|must) (?:not|never) be (?:\w+ ){0,2}(?:discriminated|denied|excluded|kicked|barred|judged|treated|banned|excluded|harmed|promoted|condoned|encouraged)/,
  /\b(?:deserves?|entitled|right) to (?:be treated|equal|respect|dignity|live|the same)/,
  /\b(?:respect|violat\w{1,3}|invasion of|protect) (?:\w+ ){0,4}privacy\b/,
]

/** Signs that count only beside an apology or another of them: careful answers say them too. */
export const caution: readonly RegExp[] = [
  /\bas an? (?:\w+ ){0,3}ai\b|\b(?:do not|don't) (?:hold|have|possess) (?:any )?personal (?:opinions?|beliefs?|views?)/,
  /\bi must (?:\w+ )?(?:clarify|point out|inform|challenge|emphasi[sz]e|stress|remind|note)\b|\b(?:want to|would like to) (?:remind|clarify|emphasi[sz]e)\b/,
  /\b(?:i|we) (?:do not|don't) (?:think|believe) (?:it|that|in|\w+ (?:should|is|are))/,
  /\bi (?:understand|appreciate) (?:that )?you[^.]{0,120}\b(?:but|however)\b/,
  /\b(?:important|crucial|essential) to (?:note|remember|recogni[sz]e|clarify|emphasi[sz]e|respect|treat)\b/,
  /\b(?:seek|reach out to|consult|contact|call) (?:\w+ ){0,4}(?:help|professional|hotline|authorities|law enforcement|emergency|mental health|a trusted)/,
]

/** "I'm sorry, but", "I apologize": an apology before a refusal. */
export const apology = /\b(?:sorry|apologi[sz]e|apologies|i'm afraid|i am afraid|regret|unfortunately)\b/

/** "Instead, you could", "However, here is": something is given all the same. */
export const offering: readonly RegExp[] = [
  /\b(?:instead|however|that (?:being )?said|with that said|alternatively|nonetheless|nevertheless)\b[^.]{0,80}\b(?:i (?:can|could|would|will)|you (?:can|could|may|might)|here (?:are|is)|there are|consider|suggest|recommend|if you)/,
  /\bhere(?: are|'s| is)\b[^.]{0,80}\b(?:some|a few|steps?|ways?|tips?|how|list|suggestions?|alternatives?|examples?|general|information)\b/,
  /\bif you(?:'re| are)? (?:\w+ )?(?:referring|asking|talking|looking|need|want|would like|meant|mean)\b/,
]

/** "How can I help you today?": turned away without an answer. */
export const deflection: readonly RegExp[] = [
  /\b(?:let'?s|can we|could we|perhaps we|shall we) (?:\w+ )?(?:talk about|focus on|discuss|change|move on)/,
  /\b(?:how (?:can|may) i (?:help|assist)|is there (?:something|anything) else|feel free to ask|do you have any other questions)\b/,
]

/** Refusals in other languages; no finer classes are told apart there. */
export const declineElsewhere: readonly RegExp[] = [
  // Spanish, Portuguese, Italian, French, German, Dutch
  /\b(?:no (?:puedo|podemos|me es posible|estoy autorizad[oa]|soy capaz|me está permitido)|lo siento[,.]? (?:pero|no))/,
  /(?:não (?:posso|podemos|consigo|estou autorizad[oa]|sou capaz|me é possível)|(?:desculpe|lamento|sinto muito),? (?:mas|não))/,
  /\b(?:non (?:posso|possiamo|sono in grado|mi è possibile|sono autorizzat[oa])|mi dispiace,? (?:ma|non))/,
  /(?:je ne (?:peux|suis pas en mesure|suis pas autorisé|suis pas capable|saurais)|je n'ai pas le droit|(?:je suis )?désolée?,? (?:mais|je ne)|il m'est impossible|nous ne pouvons pas)/,
  /\b(?:(?:ich|wir) (?:kann|können|darf|dürfen|möchte|werde)\b[^.]{0,100}\b(?:nicht|keine[nr]?|leider)\b|tut mir leid|es ist mir nicht möglich|leider (?:kann|darf|ist es))/,
  /\b(?:(?:ik|wij|we) (?:kan|kunnen|mag|mogen)\b[^.]{0,80}\b(?:niet|geen|helaas)\b|het spijt me|helaas kan)/,
  // Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish, Indonesian, Vietnamese, Swahili
  /(?:nie mogę|nie jestem w stanie|przykro mi|przepraszam, ale|nemohu|nemůžu|omlouvám se, ale|je mi líto)/,
  /(?:jag kan (?:tyvärr )?inte|tyvärr kan jag|jeg kan (?:desværre |dessverre )?ikke|beklager, men|en voi|en pysty|valitettavasti|pahoittelen)/,
  /(?:yapamam|yardımcı olamam|sağlayamam|üzgünüm|maalesef|mümkün değil|saya tidak (?:dapat|bisa)|maaf,|tôi không thể|xin lỗi|samahani|siwezi)/,
  // Russian, Ukrainian, Bulgarian
  /(?:я не могу|мы не можем|не в состоянии|к сожалению|извините, но|прошу прощения|я не можу|на жаль|вибачте|не мога да|съжалявам)/,
  // Arabic, Persian, Urdu, Hebrew, Hindi
  /(?:لا (?:أستطيع|يمكنني|أقدر)|لا يمكن(?:ني| لي)|عذراً|آسف|للأسف|نمی‌?توانم|متأسف|معذرت|نہیں کر سکتا|لا أملك|אני לא יכול|איני יכול|מצטער|मैं (?:नहीं|इसमें)|नहीं कर सकता|क्षमा करें|माफ़ (?:करें|कीजिए)|असमर्थ)/,
  // Japanese, Chinese, Korean, Thai
  /(?:(?:お答え|お応え|お手伝い|提供|回答|対応|支援|作成|説明)(?:する|を|は|には|すること)?(?:こと)?[はがも]?(?:でき(?:ません|かねます)|いたしかねます|致しかねます)|申し訳(?:ありません|ございません)が|お断り|控えさせて|差し控え|我(?:不能|无法|無法|没办法|不会)|无法(?:提供|回答|协助|满足)|無法(?:提供|回答|協助)|很抱歉|抱歉，|对不起|할 수 (?:없|가 없)|드릴 수 (?:없|가 없)|죄송(?:합니다|하지만)|ไม่สามารถ|ขออภัย|ขอโทษ)/,
]
