/*
 * process.h: a browser as a child: two pipes, a folder of its own, and an end that leaves nothing behind.
 *
 * The child finds the pipes at descriptors 3 (it reads) and 4 (it writes), as --remote-debugging-pipe wants them, and
 * leads a process group, so that its own children end with it. When this program dies, the pipes close, and the browser
 * ends by itself. One thread owns a child.
 */
#ifndef SL_SCREEN_PROCESS_H
#define SL_SCREEN_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct sl_child {
    pid_t pid;    /* 0: none */
    int to;       /* what is written here the child reads; non-blocking; -1 once closed */
    int from;     /* and the other way */
    char *folder; /* owned: path of the temporary folder */
};

/*
 * Returns the owned path of the first of names (NULL-terminated) that PATH has as an executable file, or NULL. A name
 * with a slash is taken as it is.
 */
char *sl_program_find(const char *const *names);

/*
 * Makes the temporary folder *out (owned path) under $TMPDIR, or /tmp.
 */
sl_status sl_child_folder(char **out, sl_error *err);

/*
 * Starts program with argv (NULL-terminated, argv[0] included); standard input and outputs go to /dev/null. Takes
 * folder, which sl_child_end removes, also when starting fails.
 */
sl_status sl_child_start(struct sl_child *c, const char *program, char *const *argv, char *folder, sl_error *err);

/* Returns false once the child has ended. */
bool sl_child_alive(struct sl_child *c);

/*
 * Returns the seconds of processor time that the child's process group has taken so far, those of its ended members
 * that were waited for included; 0 without /proc.
 */
double sl_child_seconds(const struct sl_child *c);

/*
 * Closes the pipes, gives the child `seconds` to end, kills its group, waits for it and removes the folder with all
 * that is in it. An ended or empty child is fine.
 */
void sl_child_end(struct sl_child *c, double seconds);

#endif
