; PYENV in the Dockerfile grammars of tree-sitter: they do not know the instruction, and give an ERROR node that begins
; with it. Its words, quotes, variables, comments and heredocs are those of a shell command, so bash highlights them.
; Append this to the editor's queries/dockerfile/injections.scm.
((ERROR) @injection.content
  (#match? @injection.content "^[Pp][Yy][Ee][Nn][Vv][ \t]")
  (#set! injection.language "bash"))
