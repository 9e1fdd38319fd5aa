FROM a
RUN <<EOF
PYENV 3.9 in_a_body
# escape=`
echo \
EOF
RUN <<-EOF cat <<'E F' 3<<"$G"
	EOF no
	EOF
E F
$G
COPY <<one.txt <<two.txt /tmp/
one.txt
PYENV 3.9 between
two.txt
PYENV 3.9 x <<REQS
pandas==2.2.3
REQS
ONBUILD RUN <<EOF
PYENV 3.9 in_a_trigger
EOF
ONBUILD ONBUILD RUN <<EOF
PYENV 3.9 after_two_triggers
RUN echo $((1<<2)) cat<<EOF '<<EOF' "<<EOF" \<<EOF <<<EOF <<- EOF
RUN ["cat", "<<EOF"]
ENV A="<<EOF"
CMD cat <<EOF
RUN --mount=type=bind,target=/a --security="<<X Y" cat <<EOF
after flags
EOF
RUN <<EOF unbalanced '
EOF
