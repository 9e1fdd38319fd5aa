# escape=`
FROM a
RUN one `

  two
COPY <<EOF /a
body
EOF
PYENV 3.9 xy
 PYENV 3.9 word
 PYENV 3.9 x �　