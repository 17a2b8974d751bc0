# Talking to the bot: greeting, questions, answers to deeds, help.

greeting = Hello, { $name }!
greeting-manager = You are on the team. When a customer writes, a card comes here: who they are, where from, and what they need.
greeting-admin = You are an admin. When a customer writes, a card comes here: who they are, where from, and what they need. Invite managers, so that somebody works the leads.
greeting-reply = To answer a customer, simply reply to their card or message. A text, a photo, a voice message or a file, all are fine.
stranger = Hello! This bot is for the staff only. If you work here, ask an admin for an invitation link.
stranger-tapped = This button is for the staff, and you are not on the list now.
sorry = Something went wrong; we have written it down. Please try again. If it happens once more, tell an admin the code { $reference }.
sorry-done = It is done, no need to repeat it, but the outcome could not be shown. We have written that down. If it happens once more, tell an admin the code { $reference }.
language-now = I speak English now.

help-heading = How this works
help-reply = Reply to a customer’s card or message (swipe left), and your answer goes to where they wrote. 👌 on your message means that it was sent.
help-plain = A plain message to the bot goes to nobody, so nothing can go wrong.
help-buttons = The buttons under a card work weeks later too. If the lead has changed meanwhile, the bot says how.
help-commands = Commands

command-leads = my leads and who is waiting
command-lead = the card of a lead: /lead 12
command-find = find: a name, phone, e-mail, lead number, words
command-stats = figures of the day and the week
command-away = step away: no new leads
command-back = back to work
command-help = how this works
command-language = Русский
command-exclude = take no messages from somebody
command-exclusions = the exclusion list
command-include = take somebody off the list
command-check = check whether an address gets through
command-ledger = the ledger, and what was not understood
command-managers = the staff
command-invite = invite somebody

ask-answer = What is the answer? It goes to { $name }, lead { $number }, with your next message.
ask-note = Write a note on lead { $number }. Only colleagues will see it.
ask-comment = Write a comment, and lead { $number } is closed.
ask-search = What are you looking for? A name, phone, e-mail, @username, lead number or words of a conversation.
cancelled = Cancelled.
cancelled-before = This question is closed already.
left-answer = Cancelled: the answer to { $name }, lead { $number }
left-note = Cancelled: the note on lead { $number }, { $name }
left-comment = Cancelled: closing lead { $number } with a comment, { $name }
left-letter = Cancelled: the letter to { $name }, lead { $number }
dialog-forgotten = You began this too long ago, so the message went to nobody. Please start again.

taken = Lead { $number } is yours now.
moved = Lead { $number }: “{ $stage }”.
handed-over = Handed to { $name }.
junked = Lead { $number } is closed.
reopened = The lead is open again.
noted = 📝 Written down, lead { $number }.
separated = This is a person of their own now.
rejoined = One person again.
merged = Merged: this is one person now.
unmerged = Two people again.
told-apart = Noted: these are two people. You can undo it in the history.
told-apart-undone = Open again: this may be one person.
timer-cancelled = Fine, it will not be sent.
lead-which = Which lead? Send its number, for example: 12

# What became of an answer
reply-sending = ⏳ Sending…
reply-sent = ✓ Sent
reply-refused = ✗ Not delivered
reply-uncertain = ? It may not have arrived
reply-cancelled = ✗ Cancelled
reply-slow = ⏳ Still sending. I will say how it ends.
reply-took = Lead { $number } is yours now, stage “{ $stage }”.
call-instead = You can call: { $phone }
note-edited = An edit does not change the note or the comment. If it matters, write a new note.
reply-edited = An edit does not change what has gone to the customer. If it matters, send a new message.
sending-again = Sending it again.
sent-again = Sent again

plain-text = This message went to nobody. To answer a customer, reply to their card or message. Or choose what to do:
reply-unknown = Replies to that message reach no customer, so yours went to nobody. Reply to a lead’s card or to a customer’s message.
unknown-command = There is no such command. What I can do: /help

away-now = You are away: the bot offers you no new leads, and those you have not taken go to others. Your customers still reach you. Come back with /back
back-now = Welcome back!
back-waiting = { $count ->
    [0] Nobody is waiting.
    [one] { $count } customer is waiting for an answer.
   *[other] { $count } customers are waiting for an answer.
  }
files-none = This lead has no files.
files-loading = Still loading: { $count }. Try again in a minute.
files-missing = Not available: { $count }
