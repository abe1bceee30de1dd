"""How probes get into a container: the command line of each reads its script from stdin, so that a command line is
short and always the same.
"""

from __future__ import annotations

import functools
from importlib import resources

_READ_JS = (
    "const fs=require('fs');"
    "const some=(n)=>{const b=Buffer.alloc(n);let o=0;while(o<n){try{const r=fs.readSync(0,b,o,n-o);if(!r)break;o+=r}"
    "catch(e){if(e.code!=='EAGAIN')throw e;Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0,5)}}return b};"
    "const line=()=>{let t='',c;while((c=some(1).toString('latin1'))!=='\\n'&&c!=='\\0')t+=c;return t};"
    "globalThis.helmmailInput=()=>some(Number(line())).toString();"
    "new Function('require',helmmailInput())(require)"
)
PYTHON = ("python3", "-I", "-B", "-c", "import sys;b=sys.stdin.buffer;exec(b.read(int(b.readline())).decode())")
"""Isolated: PYTHONPATH, the user's site and PYTHONSTARTUP are none of the probe's."""
NODE = ("node", "-e", _READ_JS)
SHELL = ("sh", "-c", 'read -r s; s=$(printf %s "$s" | openssl base64 -d -A) || exit 127; eval "$s"')
"""`read` takes a byte at a time, so that what follows is left for the script; head and dd may take more."""
LINES = 'eval "$(while IFS= read -r l && [ "$l" != . ]; do printf "%s\\n" "$l"; done)"'
"""For a shell without any program beside it: the script's lines, and then one with a dot."""


@functools.cache
def text(name: str) -> str:
    """A probe's script, by its file name."""
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def framed(*texts: str) -> bytes:
    """Each text after a line with its length: a reader needs no end of stdin, which older servers cannot give."""
    return b"".join(b"%d\n%s" % (len(data), data) for data in map(str.encode, texts))
