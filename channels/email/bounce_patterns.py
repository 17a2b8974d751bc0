"""How mail servers tell in prose that a letter did not arrive, in the languages of those servers.

Everything here recognises; `bounces.py` decides. The expressions are applied to bounded text.
"""

from __future__ import annotations

import re

DAEMON = re.compile(
    r"mailer[-_. ]?daemon|post[-_ ]?master|mail deliver[y]?\b|mail delivery (?:sub)?system|mail system|"
    r"delivery (?:sub)?system|"
    r"mdaemon|mail administrator|email delivery|служба доставки|система доставки|delivery notification|"
    r"bounce",
    re.IGNORECASE,
)
# Nobody but a mail server begins a letter so; a person who passes one on has "Fwd:" before it.
SURE_SUBJECT = re.compile(
    r"\s*(?:delivery status notification \((?:failure|delay)\)|undelivered mail returned to sender|"
    r"mail delivery failed: returning message to sender|returned mail: (?:see transcript|user unknown|"
    r"host unknown))",
    re.IGNORECASE,
)
SUBJECT = re.compile(
    r"undeliver|undelivered|non.?deliver|delivery (?:status notification|failure|failed|report|problem|"
    r"error|notification|"
    r"has failed|incomplete|delayed|status)|mail(?: delivery)? (?:failed|failure|error|system error)|"
    r"failure notice|returned (?:mail|message|to sender)|"
    r"return(?:ed)? to sender|could ?n.t be delivered|could not be delivered|not delivered|"
    r"message (?:delayed|not delivered|undeliverable|"
    r"delivery failure)|warning: (?:message|could not send)|user unknown|delivery has failed|"
    r"не доставлен|недоставлен|не удалось доставить|невозможно доставить|ошибка доставки|сбой доставки|"
    r"возврат(?:ено)? (?:письма|отправителю)|не може бути доставлен|"
    r"unzustellbar|nicht zugestellt|nicht zustellbar|non remis|échec de (?:la )?remise|"
    r"no se puede entregar|no entregado|"
    r"não entregue|mancata consegna|non recapitabil|onbestelbaar|niet bezorgd|niedostarczon|"
    r"kan inte levereras|"
    r"rejected|undelivered|配信|送信エラー|届けられません|退信",
    re.IGNORECASE,
)
PROSE = re.compile(
    r"could not be delivered|couldn.t be delivered|was not delivered|cannot be delivered|"
    r"can.t be delivered|not be delivered|"
    r"unable to deliver|wasn.t able to deliver|undeliverable|did not reach|delivery (?:to the following|"
    r"has failed|attempts?|failed|is delayed)|"
    r"delivery (?:error|failure)|error delivering|failed permanently|permanent (?:fatal )?error|"
    r"returned to (?:the )?sender|"
    r"following address(?:es)? (?:failed|had)|had (?:delivery|permanent fatal) errors|transcript of session|"
    r"mail (?:system|delivery) (?:error|failed)|has not (?:yet )?been delivered|"
    r"message (?:you sent )?(?:has been|was) (?:rejected|blocked|bounced)|"
    r"recipient(?:s)? (?:could|address|not|were)|did not like our|unrouteable|user unknown|no such user|"
    r"mailbox (?:is )?(?:full|unavailable)|"
    r"couldn't be found|address not found|not a valid (?:user|mailbox|address)|"
    r"не (?:было |может быть |удалось )?доставлен|не удалось доставить|невозможно доставить|не доставлено|"
    r"не существует|ящик (?:переполнен|заблокирован|отключ)|konnte nicht zugestellt|n'a pas pu être|"
    r"no se ha podido entregar|"
    r"could not deliver|unknown (?:user|recipient|address)|sorry, (?:no|I)|配信できません|届きません|"
    r"送信できません",
    re.IGNORECASE,
)
REPLY = re.compile(r"(?<![\d.])[45]\d\d[ -](?:[45]\.\d|\S)|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
# Where the letter that came back begins.
COPY = re.compile(
    r"^[ \t>]{0,4}(?:[-=*_][-=*_ ]{1,60}\s?(?:this is a copy|below this line|the (?:header|"
    r"body) of the original|original message|"
    r"returned message|unsent message|message (?:header|text|follows)|undelivered message|copy of|header of|"
    r"enclosed|included is|the attached file|message follows|forwarded message|the following)[^\n]{0,120}|"
    r"(?:original )?message headers follow[^\n]{0,40}|"
    r"original message follows[^\n]{0,40}|a copy of your message[^\n]{0,80}|"
    r"(?:original|returned) message[: ]*|received: (?:from|by|\(from|\(qmail)[^\n]{0,200}|"
    r"return-path: ?<?[^\n]{0,200}|x-original-message-id:[^\n]{0,200})",
    re.IGNORECASE | re.MULTILINE,
)
ANY_ADDRESS = r"[^\s<>()\[\],;:\"']{1,64}@[\w.-]{2,200}"
# A line that names a recipient rather than tells about one.
NAMED = re.compile(
    rf"^[ \t>*-]{{0,12}}(?:(?:(?:original|final|failed|intended)?[- ]?(?:recipients?|to|address|rcpt to|"
    rf"user|email)|unable to deliver (?:message )?to|"
    rf"could not deliver to|delivery to|your mail to|адрес|получатель|кому|адресат)[^\n<@]{{0,60}}?[:<]\s*|"
    rf"<|\"|')?(?:rfc822;\s*)?<?"
    rf"({ANY_ADDRESS})>?[\"']?(?=[\s:,;.)\]]|$)",
    re.IGNORECASE | re.MULTILINE,
)
WITHIN = re.compile(ANY_ADDRESS)
DELAYED = re.compile(
    r"\bdelayed\b|will (?:be retried|continue to|keep trying|retry)|still being retried|warning: message|"
    r"not yet been delivered|"
    r"temporar(?:y|ily) (?:failure|problem|error|deferred)|задерж|попытки (?:доставки )?будут (?:продолж|"
    r"повтор)|verzögert",
    re.IGNORECASE,
)
FINAL = re.compile(
    r"permanent|giving up|given up|gave up|too (?:long|many)|expired|возвращ|не удалось", re.IGNORECASE
)
MESSAGE_ID = re.compile(
    r"^[ \t>]{0,8}(?:x-original-|original-)?message[- ]id:?\s{1,4}(<[^<>\s]{1,500}>|"
    r"[^\s<>]{1,300}@[^\s<>]{1,200})",
    re.IGNORECASE | re.MULTILINE,
)
