"""Messages to people: what they say, the ways they go, and a record that lets nobody get one twice.

::

    message     what is told, as text, Markdown and HTML, with its attachments
    telling     reports, alerts and failures → messages
    address     the secret address of a recipient, read when it is needed and shown nowhere
    apprised    the way through Apprise: mail, Slack, Teams, Matrix …; and what became of a message
    ways        the other ways: a folder, a step summary, a comment on an issue
    outbox      recorded before it is sent, settled after; what may have got there is not sent again
    watching    the alerts of lab.toml: episodes that begin and end
"""
