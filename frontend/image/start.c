/* The image's entrypoint: greets BuildKit, and becomes Python.
 *
 * BuildKit waits 10 s for the first bytes of the frontend's HTTP/2 connection, and the start of the container counts
 * (golang.org/x/net http2/server.go). On a busy machine Python alone can take longer than that to start, while this
 * program needs no file but itself. Python goes on with the same connection: `--greeted` tells it.
 *
 * BuildKit starts it without arguments and sets BUILDKIT_SESSION_ID (frontend/gateway/gateway.go). Everything else is a
 * command of a user, whose output must not begin with the greeting.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* PREFACE of frontend/buildkit-llb/buildkit_llb/preface.py; tests/unit/test_start.py compares them. */
static const unsigned char greeting[] = {
    'P',  'R',  'I',  ' ',  '*',  ' ',  'H',  'T',  'T',  'P',  '/',  '2',  '.',  '0',  '\r', '\n',
    '\r', '\n', 'S',  'M',  '\r', '\n', '\r', '\n', 0x00, 0x00, 0x24, 0x04, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x10, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x05, 0x00, 0x10, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x06, 0x04, 0x00, 0x00, 0x00,
};

#ifndef PYTHON
#define PYTHON "/usr/bin/python3.13", "-I", "-S", "-B", "/pyenv/frontend.py"
#endif
static char *const python[] = {PYTHON};
enum { WORDS = sizeof python / sizeof *python };

static int greet(void) {
    for (size_t sent = 0; sent < sizeof greeting;) {
        ssize_t count = write(STDOUT_FILENO, greeting + sent, sizeof greeting - sent);
        if (count > 0)
            sent += count;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

int main(int count, char **arguments) {
    char **command = calloc(WORDS + count + 1, sizeof *command);
    if (!command)
        return 1;
    memcpy(command, python, sizeof python);
    if (count > 1)
        memcpy(command + WORDS, arguments + 1, (count - 1) * sizeof *command);
    else if (getenv("BUILDKIT_SESSION_ID")) {
        if (greet())
            return 1;
        command[WORDS] = "--greeted";
    }
    execv(*command, command);
    return 127;
}
