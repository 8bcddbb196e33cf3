"""Every state in which Dovecote cannot work, looked for and said: by the doctor, and by `up` and `chat` when they start.

A look changes nothing. Those at this machine are quick; those outside ask the engine, the model API and the platforms.
"""
