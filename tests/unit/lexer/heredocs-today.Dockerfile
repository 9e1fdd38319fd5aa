FROM a
RUN cat << EOF
a blank after the mark, since BuildKit 0.22
EOF
RUN ["cat"] <<EOF
text after a JSON array, no longer ignored
EOF
RUN <<EOF${a:-b}
RUN echo ${a#b} <<EOF
a substitution, since BuildKit 0.13
EOF
