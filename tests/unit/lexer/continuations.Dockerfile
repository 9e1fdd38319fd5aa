FROM a
RUN one \
    two \  

  # a comment with a continuation \
	# PYENV 3.9 x
    three
RUN no continuation \\
PYENV 3.9 \
# why 3.9
      x \

      reqs.txt
PY\
ENV 3.9 split
\
PYENV 3.9 late
ENV A=b \
