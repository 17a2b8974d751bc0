# Refusals of the core: why something cannot be done. Shown as an alert (up to 200 characters) or as a line.

refused-admins-only = Only admins can do this.
refused-conversation-closed = Lead { $number } cannot be answered: { $why ->
    [blocked] the customer has blocked the bot
    [deactivated] the customer’s account is gone
    [not_found] the address is gone
    [account-retired] the bot or mailbox they wrote to is no longer connected
    [bounced] letters to this address come back
   *[other] nothing can be delivered there
  }.
refused-delivery-gone = This message is gone.
refused-delivery-settled = This message has arrived or is on its way; there is no need to send it again.
refused-excluded = The person in lead { $number } is on the exclusion list, nothing was sent. Take them off the list first.
refused-invitation-expired = This invitation has expired. Ask for a new one.
refused-invitation-unknown = There is no such invitation. Check the link or ask for a new one.
refused-invitation-used = This invitation has been used already. Ask for a new one.
refused-lead-closed = Lead { $number } is closed already.
refused-lead-gone = There is no such lead.
refused-lead-moved = Lead { $number } has changed since this button appeared. Here is how it is now.
refused-lead-open = Lead { $number } is open anyway.
refused-lead-taken = Lead { $number } is already worked by { $name }.
refused-manager-gone = This person does not work here any more.
refused-manager-unreachable = The bot cannot write to { $name }: the lead would be left alone.
refused-no-way = Lead { $number } has nowhere to write to: no chat and no e-mail.
refused-pattern-domain = “{ $pattern }” does not look like a domain. Example: @example.com
refused-pattern-email = “{ $pattern }” does not look like an e-mail. Example: anna@example.com
refused-pattern-empty = An empty line: give a phone, an e-mail, a @domain, a @username or a Telegram id.
refused-pattern-unclear = “{ $pattern }” is not clear. Give a phone, an e-mail, a @domain, a @username or a Telegram id.
refused-pattern-bare-domain = “{ $pattern }” is not clear. To keep out everybody of this domain, write { $domain }
refused-pattern-username = “{ $pattern }” does not look like a Telegram username. Example: @anna_brown
refused-pattern-wide = “{ $pattern }” would shut out far too many people. Exclude one address instead.
refused-pattern-wildcard = “{ $pattern }” contains * or %. There are no wildcards: give a whole address or domain.
refused-reason-missing = To close lead { $number }, choose a reason.
refused-remove-oneself = You cannot remove yourself. Ask another admin.
refused-remove-appointed = The setting OPENLINES_ADMINS makes this person an admin. First take the id { $id } out of it and restart the program, then remove them here.
refused-reply-empty = The answer is empty, there is nothing to send.
refused-stage-foreign = This stage is not for lead { $number }.
refused-expiry-past = “{ $written }” has passed already.
refused-expiry-date = There is no such day: “{ $written }”.
refused-exclusions-many = Too many lines at once: { $count }. Up to { $limit } are fine.
refused-exclusion-gone = This exclusion is gone.
refused-no-address = The person in lead { $number } has no address, so there is nothing to exclude.
refused-nothing-to-undo = There is nothing to undo.
refused-note-empty = The note is empty.
refused-note-long = The note is too long: { $length } characters. Up to { $limit } are fine.
refused-timer-settled = Too late: it has been sent or cancelled already.
refused-not-staff = You are not on the staff list now.
refused-merge-one = This is one person anyway.
refused-not-merged = These people are not merged.
refused-contact-gone = This person is gone.
refused-conversation-gone = This conversation is gone.
refused-separate-alone = Nothing else is known of this person, so there is nobody to separate them from.

# Refusals of the bot itself
refused-unknown = This cannot be done.
refused-button-old = This button is from an older version. Open the card again: /leads
refused-dialogs-down = The bot cannot remember an unfinished dialog right now. Reply to the card itself, that works.
refused-file-too-large = The file is larger than 20 MB, Telegram does not let it through. Send a link instead.
refused-file-unavailable = The file could not be fetched from Telegram. Please send it once more.
refused-for-whom = This went to nobody: my question is still open, and a reply to a card or a message would reach the customer. If it answers the question, send it as a plain message. If it is for the customer, tap Cancel below the question and reply once more.
refused-forward-hidden = This person hides their account in forwards, so their id is unknown. You can exclude them, or let them in again, from the lead’s card: /leads
refused-forward-bot = This was forwarded from a bot: it only passes on what customers write, and whose words they are cannot be seen. You can exclude them, or let them in again, from the lead’s card: /leads
refused-words = Files and voice messages are not kept here. Please write it as text.
refused-content = This cannot be sent to a customer. Text, photos, videos, voice messages and files can.
refused-gone = This is gone.
