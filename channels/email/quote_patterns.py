"""How mail programs introduce what they quote, in the languages of the people who write to us.

Everything here recognises one line, or a few joined ones; `quoting.py` decides what follows from it. The
expressions are applied to bounded text and have no nested repetition, so hostile letters cost linear time.
"""

from __future__ import annotations

import re

# --- "On Friday Ivan wrote:" ---------------------------------------------------------------------

# The words that stand at the end of such a line, or just before its date.
VERB = re.compile(
    r"(?:\b(?:wrote|writes|sent|said|писал|писала|пишет|написал|написала|написал\(а\)|написали|писали|"
    r"сообщил|сообщила|"
    r"сообщает|написав|написала|пише|писав|напісаў|schrieb|schrieben|a écrit|écrit|écrivait|a ecrit|"
    r"escribió|escribio|"
    r"escribe|escribi[oó]|escreveu|escreve|ha scritto|scrive|scritto|schreef|napisał|napisała|napisał\(a\)|"
    r"pisze|"
    r"skrev|skreiv|kirjoitti|napsal|napsala|napsal\(a\)|napísal|napísala|píše|írta|ezt írta|a scris|scris|"
    r"yazdı|"
    r"yazmış|έγραψε|έγραψες|napisao|napisala|je napisao|je napisala|rašė|kirjutas|rakstīja|đã viết|написа|"
    r"menulis|menulis)\b|写道|書寫|寫道|书写|のメール|書きました|작성|님이 쓴)",
    re.IGNORECASE,
)
# The words with which such a line begins.
START = re.compile(
    r"[\s*_\"'«(]{0,4}(?:on|le|am|el|em|il|op|den|dne|dnia|w dniu|pe|в|у|на|at|a|ha|tarihinde|vào|pada|ke|"
    r"mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday|"
    r"пн|вт|ср|чт|пт|сб|вс|нд|понедельник|вторник|среда|среду|четверг|пятница|пятницу|суббота|субботу|"
    r"воскресенье|"
    r"понеділок|вівторок|четвер|п.ятниця|субота|неділя|mo|di|mi|do|fr|sa|so|montag|dienstag|mittwoch|"
    r"donnerstag|"
    r"freitag|samstag|sonntag|lun|mar|mer|jeu|ven|sam|dim|lundi|mardi|mercredi|jeudi|vendredi|samedi|"
    r"dimanche|"
    r"mié|jue|vie|sáb|dom|lunes|martes|miércoles|jueves|viernes|sábado|domingo|seg|ter|qua|qui|sex|"
    r"pon|wt|śr|czw|pt|sob|niedz|poniedziałek|wtorek|środa|czwartek|piątek|sobota|niedziela|"
    r"gio|sab|lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|ma|wo|vr|za|zo|"
    r"здравствуйте|добрый день|вы писали|you wrote|\d{1,4})(?:\b|[,.:/年-])",
    re.IGNORECASE,
)
CLOCK = re.compile(r"(?<![\d.])\d{1,2}(?:[:.][0-5]\d|h\d\d)(?!\d)|\d\s?(?:am|pm)\b", re.IGNORECASE)
DAY = re.compile(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}\b|\b(?:19|20)\d\d\b|"
    r"(?:19|20)\d\d年|"
    r"\b\d{1,2}\.?(?:st|nd|rd|th)?[\s-](?:de\s)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|янв|фев|"
    r"мар|апр|ма[йя]|"
    r"июн|июл|авг|сен|окт|ноя|дек|січ|лют|бер|кві|тра|чер|лип|сер|вер|жов|лис|гру|janv|févr|avr|mai|juin|"
    r"juil|août|"
    r"déc|ene|abr|ago|set|dic|fev|mär|märz|okt|dez|mrt|mei|kwi|sty|lut|maj|cze|lip|sie|wrz|paź|lis|gru|gen|"
    r"mag|giu|lug)"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s\d{1,2}\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]{1,64}@[^\s<>()\[\],;:\"]{2,100}")
BRACKETED = re.compile(r"[<(\[](?:mailto:)?[^\s<>()]{1,64}@[^\s<>()]{2,100}?[>)\]]{1,3}\s*$", re.IGNORECASE)
# The Bat! greets first: "Здравствуйте, Иван. Вы писали 5 апреля 2024 г., 12:34:28:".
YOU_WROTE = re.compile(r"(?:вы писали|you wrote|sie schrieben)\b", re.IGNORECASE)

# --- From: / Sent: / To: / Subject: --------------------------------------------------------------

_KEYS = {
    "from": "from|от|от кого|від|von|de|da|van|od|från|fra|lähettäjä|feladó|kimden|gönderen|expéditeur|"
    "remitente|"
    "mittente|afzender|nadawca|odesílatel|odosielateľ|de la|發件人|发件人|寄件者|差出人|送信者|"
    "보낸 사람|από|от",
    "date": "date|дата|дата отправки|дата й час|datum|fecha|data|dato|päiväys|päivämäärä|dátum|tarih|"
    "日期|時間|"
    "日時|날짜|"
    "ημερομηνία",
    "sent": "sent|sent at|sent on|отправлено|надіслано|gesendet|envoyé|date d'envoi|enviado|enviado el|"
    "enviada em|"
    "inviato|data invio|verzonden|wysłano|skickat|sendt|lähetetty|odesláno|odoslané|küldve|gönderme tarihi|"
    "trimis|"
    "发送时间|发送日期|寄件日期|送信日時|보낸 날짜|изпратено",
    "to": "to|кому|an|à|para|a|do|till|til|aan|vastaanottaja|címzett|kime|komu|kam|pro|către|收件人|"
    "收件者|宛先|"
    "받는 사람|προς|до",
    "subject": "subject|тема|betreff|objet|asunto|assunto|oggetto|onderwerp|temat|ämne|emne|aihe|předmět|"
    "predmet|tárgy|"
    "konu|subiect|主题|主旨|件名|제목|θέμα|относно",
    "cc": "cc|копия|в копии|копія|kopie|kopia|cópia|copia|kopi|kopio|másolat|抄送|副本|reply-to|importance|"
    "важность|"
    "attachments|вложения|priority|organization|организация",
}
_KIND = {key: kind for kind, keys in _KEYS.items() for key in keys.split("|")}
_HEADER = re.compile(
    r"[\s>*_]{0,6}([^\W\d_][\w'’ \-]{0,22}?)[*_]{0,3}\s{0,2}[:：][*_]{0,3}[ \t]*(.*)", re.DOTALL
)


def header_kind(line: str) -> tuple[str, str] | None:
    """Which header of an answered letter this line shows (`from`, `date`, `to`, `subject`, `cc`), and its
    value.
    """
    if ":" not in line and "：" not in line:
        return None
    found = _HEADER.match(line[:400])
    if found is None:
        return None
    kind = _KIND.get(" ".join(found[1].lower().split()))
    return (kind, found[2]) if kind else None


def headers_within(value: str) -> set[str]:
    """The further headers that stand on the same line: `ivan@example.ru Date: Fri, 5 Apr 2024 …`."""
    found = (_KIND.get(key.lower()) for key in _INLINE.findall(value[:400]))
    return {kind for kind in found if kind}


_INLINE = re.compile(r"\s\*{0,2}([^\W\d_]{1,12})\s?[:：]\*{0,2}\s")


# --- dividers ------------------------------------------------------------------------------------

ORIGINAL = re.compile(
    r"[\s>]{0,4}[-_=*—–\s]{2,40}(?:original message|original email|reply message|исходное сообщение|"
    r"исходящее сообщение|первоначальное сообщение|оригинальное сообщение|початкове повідомлення|"
    r"ursprüngliche nachricht|originalnachricht|original-nachricht|message d'origine|message original|"
    r"message initial|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|"
    r"oorspronkelijke bericht|originalmeddelande|ursprungligt meddelande|opprinnelig melding|"
    r"original melding|"
    r"oprindelig meddelelse|oprindelig besked|alkuperäinen viesti|wiadomość oryginalna|oryginalna wiadomość|"
    r"původní zpráva|pôvodná správa|eredeti üzenet|mesaj original|orijinal mesaj|özgün ileti|原始邮件|"
    r"原始郵件|"
    r"元のメッセージ|원본 메시지)[^\w\n]{0,3}[-_=*—–\s]{2,40}$",
    re.IGNORECASE,
)
FORWARDED = re.compile(
    r"\s{0,4}(?:[-_=*—–\s]{2,40}\s?(?:forwarded message|forwarded by|forwarded letter|пересылаемое сообщение|"
    r"пересылаемое письмо|пересланное сообщение|пересланное письмо|перенаправленное сообщение|"
    r"перенаправленное письмо|переадресованное сообщение|переслане повідомлення|weitergeleitete nachricht|"
    r"message transféré|message transmis|courriel transféré|mensaje reenviado|mensagem encaminhada|"
    r"messaggio inoltrato|doorgestuurd bericht|vidarebefordrat meddelande|videresendt melding|"
    r"videresendt besked|"
    r"välitetty viesti|wiadomość przekazana dalej|przekazana wiadomość|přeposlaná zpráva|preposlaná správa|"
    r"továbbított üzenet|mesaj redirecționat|iletilmiş mesaj|转发的邮件|轉寄郵件|転送メッセージ)\b.{0,80}"
    r"|(?:begin forwarded message|начало переадресованного сообщения|начало пересылаемого сообщения|"
    r"this is a forwarded message|это пересылаемое сообщение|anfang der weitergeleiteten nachricht|"
    r"anfang der weitergeleiteten e-mail|début du message réexpédié|début du message transféré|"
    r"inicio del mensaje reenviado|início da mensagem encaminhada|inizio messaggio inoltrato|"
    r"begin doorgestuurd bericht|początek przekazywanej wiadomości|vidarebefordrat brev)\s?:?\s{0,10})$",
    re.IGNORECASE,
)
RULE = re.compile(r"[\s>]{0,4}(?:[-_=*—–]{2,200}|[-_=*—–\s]{5,200})$")

# --- signatures ----------------------------------------------------------------------------------

SIGNATURE = re.compile(r"\s{0,2}(?:--|—|––)[ \t\xa0]{0,3}$")
_DEVICE = (
    r"(?:i-?phone|i-?pad|ipod|айфон|android|андроид|samsung|galaxy|huawei|honor|xiaomi|redmi|nokia|"
    r"blackberry|windows|"
    r"телефон|смартфон|планшет|мобильн|устройств|outlook|mail\.ru|почты mail|яндекс|yandex|gmail|mymail|"
    r"typeapp|"
    r"spark|bluemail|protonmail|proton mail|yahoo|aol|thunderbird|k-9|smartphone|mobile|handy|telefon|"
    r"téléphone|"
    r"phone|móvil|celular|cellulare|mobiele|почта mail|рамблер|rambler|мобільн|пристрою)"
)
MOBILE = re.compile(
    rf"\s{{0,4}}(?:(?:sent (?:from|via|with|using)|отправлено (?:с|со|из|через|от)|послано (?:с|со|из)|"
    rf"надіслано (?:з|із|зі)|письмо отправлено (?:с|из)|gesendet (?:von|mit|über)|von meinem|"
    rf"diese nachricht wurde von meinem|"
    rf"envoyé (?:de|depuis|à partir|avec|via)|enviado (?:desde|do|de|a partir|via)|enviada do|"
    rf"inviato (?:da|dal|con)|"
    rf"wysłan[oae] (?:z|ze|za)|verstuurd (?:vanaf|met)|verzonden (?:vanaf|met|via)|skickat från|sendt fra|"
    rf"lähetetty|odesláno z|odoslané z|trimis de pe|从我的|發自我的|发自我的)\b.{{0,40}}{_DEVICE}.{{0,60}}"
    rf"|(?:get|download|получить|скачать|скачайте|téléchargez|téléchargé|obtenir|obtener|obtenha o|obter o|"
    rf"scarica|ottieni|hämta|hent|"
    rf"pobierz|download) outlook (?:for|для|für|pour|para|per|voor|för|til|dla).{{0,80}}|"
    rf"outlook für (?:ios|android).{{0,60}}"
    rf"|holen sie sich outlook.{{0,80}})$",
    re.IGNORECASE,
)
SCANNED = re.compile(
    r"\s{0,4}(?:без вирусов|вирусов нет|virus-free|virenfrei|sans virus|libre de virus)\.?.{0,20}(?:avast|"
    r"avg)?[^\n]{0,60}$",
    re.IGNORECASE,
)
LIST_FOOTER = re.compile(r"mailing list|https?://\S*(?:listinfo|mailman|groups)|unsubscribe", re.IGNORECASE)

# --- subjects ------------------------------------------------------------------------------------

FORWARD_SUBJECT = re.compile(
    r"\s{0,4}(?:fwd?|fw|пересл|пер|переслано|wg|tr|rv|enc|enc|doorst|i|vs|vb|pd|vl|轉寄|转发)\s?[:：]",
    re.IGNORECASE,
)
REPLY_SUBJECT = re.compile(
    r"\s{0,4}(?:re|отв|ответ|на|aw|sv|antw|antwort|odp|r|rif|ris|res|vs|回复|回覆|答复)\s?(?:\[\d{1,3}\]|"
    r"\(\d{1,3}\))?\s?[:：]",
    re.IGNORECASE,
)
