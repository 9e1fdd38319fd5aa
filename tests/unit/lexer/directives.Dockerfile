 # syntax = dockerfile-pyenv:dev
#Escape=`
# check=skip=JSONArgsRecommended;error=true
# syntax2=no directive
# escape=\
FROM a
RUN one `
  two
RUN three \
PYENV 3.9 x `
  reqs.txt
RUN a ``
RUN <<E\ F
body
E F
