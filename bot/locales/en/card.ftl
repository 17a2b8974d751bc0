# A lead's card: who, from where, what they wrote, what was before, what is missing, what comes next.

when-now = just now
when-ago = { $time } ago
when-yesterday = yesterday at { $time }
when-tomorrow = tomorrow at { $time }
when-day = { $day }, { $time }

channel-telegram = Telegram
channel-email = e-mail
channel-form = site form
channel-whatsapp = WhatsApp
channel-vk = VK
channel-max = MAX
channel-chat = site chat
channel-call = call
channel-staff = staff bot
channel-other = { $name }

card-heading = Lead { $number } · { $stage }
card-new = New lead { $number }
card-repeat = Repeat lead { $number }
card-nameless = No name
card-from = { $channel } · { $source }
card-address-closed = { $address } (unreachable)
card-extension = { $phone } ext. { $extension }
card-waits = Waiting for an answer: { $time }
card-free = Nobody’s yet
card-yours = Your lead
card-offered = Offered to you
card-offered-to = Offered to { $name }
card-taken-by = Worked by { $name }
card-was-of = Worked by { $name }
card-nobody = Nobody had it
card-closed = Closed { $when }
card-closed-reason = Closed { $when }: { $reason }
card-comment = “{ $text }”
card-before = Wrote before: lead { $number }, { $outcome }, { $when }
card-before-reason = Wrote before: lead { $number }, { $outcome } ({ $reason }), { $when }
card-before-by = worked by { $name }
card-excluded = This person is on the exclusion list
card-client = Already a client
card-missing = Missing: { $what }
missing-phone = a phone
missing-email = an e-mail
missing-name = a name
card-recognised = Recognised by { $address }
card-recognised-named = Another name, the same { $kind ->
    [phone] telephone
    [email] e-mail
   *[other] address
  }: { $name }
card-suggested = Probably the same person: { $name }
card-next = Next: { $robot }, { $when }
card-skipped = Not sent automatically: “{ $robot }”, because { $reason }
card-unseen = { $count ->
    [one] { $count } new message
   *[other] { $count } new messages
  }
card-older = { $count ->
    [one] … and { $count } earlier message
   *[other] … and { $count } earlier messages
  }
card-note = { $name }, { $when }: { $text }
card-cannot-answer = Cannot be answered: { $why }
card-cannot-answer-call = Cannot be answered: { $why }. Call { $phone }
card-only-call = Nowhere to write to; call { $phone }
card-answer-goes = { $kind ->
    [email] The answer goes as a letter
   *[other] The answer goes by { $channel }
  }

# Why no answer is possible
unanswerable-excluded = this person is on the exclusion list
unanswerable-blocked = they have blocked the bot
unanswerable-deactivated = their account is gone
unanswerable-no-way = they left no address to answer to
unanswerable-no-mailbox = the line has no mailbox
unanswerable-email-of-another = another customer writes to us from their e-mail; if this is one person, merge the two
unanswerable-account-retired = the bot or mailbox they wrote to is no longer connected
unanswerable-bounced = letters to their address do not arrive
unanswerable-not_found = their address is gone
unanswerable-other = { $why }

# Why a rule that fired did nothing
skip-closed = the lead is closed
skip-stage-left = the lead has left that stage
skip-robot-off = the rule is switched off
skip-too-late = too much time has passed
skip-condition = its condition does not hold
skip-no-text = it has no text
skip-too-many = too many automatic messages in a row
skip-already-said = it has been said already
skip-circle = rules moved the lead round and round
skip-answer-on-its-way = our answer has not arrived yet
skip-answer-failed = our answer did not arrive
skip-nobody = there is nobody to tell
skip-customer-wrote = the customer wrote first
skip-called = somebody spoke with the customer on the telephone
skip-unsubscribed = the person asked for no reminders
skip-separated = the conversation went to another person
skip-merged = this person will be asked in another lead of theirs
skip-called-off = a manager cancelled it
skip-no-way = there is nowhere to write to
skip-too-many-typed = too many letters have gone to addresses from forms within the hour; answer this one yourself
skip-excluded = the person is excluded
skip-blocked = the customer has blocked the bot
skip-deactivated = the customer’s account is gone
skip-not_found = there is no such chat or mailbox any more
skip-account-retired = the bot or mailbox the customer wrote to is no longer connected
skip-bounced = letters to their address come back
skip-other = { $reason }
rule-wrong = The rule “{ $robot }” is set up wrongly and did nothing. Please tell your admin.
rule-wrong-admin = The rule “{ $robot }” is set up wrongly and did nothing: { $error }
rule-broke = The rule “{ $robot }” did nothing because the program failed. Please tell your admin.
rule-broke-admin = The rule “{ $robot }” did nothing because the program failed: { $error }

# Lines of the conversation
message-in = { $name }, { $when }
message-out = { $name }, { $when } { $state }
message-start = ▶️ opens the chat with the bot
message-start-by = ▶️ opens the chat with the bot by the link “{ $link }”
message-answers = ↩ in reply to: “{ $text }”
message-edited = edited
author-customer = Customer
author-owner = Owner
author-robot = Automatic
author-manager = Manager
file-photo = Photo
file-video = Video
file-audio = Audio
file-voice = Voice message
file-video_note = Video message
file-document = File
file-sticker = Sticker
file-animation = Animation
file-other = Attachment
file-named = { $kind }: { $name }
file-missing = { $file } (not available: { $why })
file-empty = { $file } (0 bytes, nothing to show)
file-why-large = too large
file-why-expired = the link has expired
file-why-other = the network does not give it

# What became of an outgoing message
delivery-waiting = ⏳
delivery-sending = ⏳
delivery-sent = ✓
delivery-delivered = ✓✓
delivery-read = ✓✓
delivery-refused = ✗ not delivered
delivery-uncertain = ? may not have arrived
delivery-cancelled = ✗ cancelled

outcome-success = success
outcome-failure = junk

# Choices below a card
ask-stage = Lead { $number }: where to?
now-in-stage = Now: { $stage }
ask-reason = Lead { $number }: why junk?
ask-reason-commented = Lead { $number }: why junk? Then write a comment.
ask-colleague = Lead { $number }: who gets it?
no-colleagues = There are no other colleagues yet.
colleague-here = { $name }
colleague-away = { $name } (away)
ask-exclude = Exclude { $name }?
exclude-means = Nothing from this person becomes a lead any more, and nothing goes out to them. Their open leads close as spam. You can undo this.
called = Noted: you spoke on the phone. Lead { $number } no longer waits.
files-earlier = Lead { $number } has { $count ->
    [one] { $count } earlier file.
   *[other] { $count } earlier files.
  }

field-company = company
field-page = page
field-referer = came from
field-form = form
