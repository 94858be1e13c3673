"""What is true: records, their order, and one picture of them.

No decision lives here and no number crunching; every other wing may import this one, and this one imports none of them.
"""

import os

# Before pydantic is first imported: no package that happens to be installed beside us looks at what is read from a
# journal, and nobody waits while the metadata of every one of them is searched for such plugins.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
