/*
 * process.c: starting, watching and ending the browser's process; its temporary folder.
 */
#include "screen/process.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool executable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Returns the owned path of name in the folders of PATH, or NULL. */
static char *find_in_path(const char *name)
{
    const char *folders = getenv("PATH");
    while (folders && *folders) {
        size_t n = strcspn(folders, ":");
        struct sl_buf path = SL_BUF_INIT(4096);
        sl_buf_add(&path, n ? folders : ".", n ? n : 1);
        sl_buf_addf(&path, "/%s", name);
        if (sl_buf_ok(&path) && executable(path.data)) return path.data;
        sl_buf_release(&path);
        folders += n + (folders[n] == ':');
    }
    return NULL;
}

char *sl_program_find(const char *const *names)
{
    for (; *names; names++) {
        char *found = NULL;
        if (!strchr(*names, '/'))
            found = find_in_path(*names);
        else if (executable(*names))
            found = sl_strdup(*names);
        if (found) return found;
    }
    return NULL;
}

sl_status sl_child_folder(char **out, sl_error *err)
{
    const char *base = getenv("TMPDIR");
    struct sl_buf path = SL_BUF_INIT(4096);
    sl_buf_addf(&path, "%s/seedling-browser-XXXXXX", base && *base ? base : "/tmp");
    *out = NULL;
    if (!sl_buf_ok(&path)) {
        sl_buf_release(&path);
        return sl_fail(err, SL_ERR_MEMORY, "no memory for the name of a temporary folder");
    }
    if (!mkdtemp(path.data)) {
        sl_status status = sl_fail(err, SL_ERR_IO, "cannot make the folder %s: %s", path.data, strerror(errno));
        sl_buf_release(&path);
        return status;
    }
    *out = path.data;
    return SL_OK;
}

static void remove_tree(int at, const char *name, int depth);

/* Removes everything in the folder that fd stands for; closes fd. */
static void empty_folder(int fd, int depth)
{
    DIR *d = fdopendir(fd);
    if (!d) {
        close(fd);
        return;
    }
    for (const struct dirent *e = readdir(d); e; e = readdir(d))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) remove_tree(fd, e->d_name, depth + 1);
    closedir(d);
}

/* Removes a file, a link (never what it points to), or a folder with what is in it. */
static void remove_tree(int at, const char *name, int depth)
{
    if (depth > 64 || unlinkat(at, name, 0) == 0) return;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) empty_folder(fd, depth);
    unlinkat(at, name, AT_REMOVEDIR);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/* The child's descriptors and signals: pipes at 3 and 4, everything above closed, nothing blocked or ignored. */
static int spawn(pid_t *pid, const char *program, char *const *argv, int in, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, in, 3);
    posix_spawn_file_actions_adddup2(&files, out, 4);
    posix_spawn_file_actions_addclosefrom_np(&files, 5);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int failed = posix_spawn(pid, program, &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* Opens a pair of sockets, which to the child are pipes, but can be written without a signal when it has ended. Both
 * are above 9, out of the way of the child's 3 and 4. */
static bool high_pair(int ends[2])
{
    int low[2];
    ends[0] = ends[1] = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) != 0) return false;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 10);
        close(low[i]);
    }
    return ends[0] >= 0 && ends[1] >= 0;
}

sl_status sl_child_start(struct sl_child *c, const char *program, char *const *argv, char *folder, sl_error *err)
{
    int down[2], up[2] = {-1, -1};
    *c = (struct sl_child){.to = -1, .from = -1, .folder = folder};
    sl_status status = SL_OK;
    if (!high_pair(down) || !high_pair(up)) {
        status = sl_fail(err, SL_ERR_IO, "cannot make pipes to %s: %s", program, strerror(errno));
    } else {
        int failed = spawn(&c->pid, program, argv, down[0], up[1]);
        if (failed) {
            c->pid = 0;
            status = sl_fail(err, SL_ERR_IO, "cannot start %s: %s", program, strerror(failed));
        }
    }
    close_fd(&down[0]);
    close_fd(&up[1]);
    c->to = down[1];
    c->from = up[0];
    if (!status && (fcntl(c->to, F_SETFL, O_NONBLOCK) != 0 || fcntl(c->from, F_SETFL, O_NONBLOCK) != 0))
        status = sl_fail(err, SL_ERR_IO, "cannot set up the pipes to %s: %s", program, strerror(errno));
    if (status) sl_child_end(c, 0);
    return status;
}

/* Adds the ticks of the process whose /proc folder is name, when it is of that group. */
static void add_ticks(const char *name, pid_t group, unsigned long *ticks)
{
    char path[64], text[512];
    unsigned long times[4];
    int of;
    if (snprintf(path, sizeof path, "/proc/%.20s/stat", name) >= (int)sizeof path) return;
    FILE *f = fopen(path, "r");
    if (!f) return;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    /* The name of the program, in brackets, may hold anything. */
    const char *rest = strrchr(text, ')');
    if (rest &&
        sscanf(rest + 1, " %*c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &of, &times[0], &times[1],
               &times[2], &times[3]) == 5 &&
        of == group)
        for (int i = 0; i < 4; i++) *ticks += times[i];
}

double sl_child_seconds(const struct sl_child *c)
{
    unsigned long ticks = 0;
    DIR *dir = c->pid > 0 ? opendir("/proc") : NULL;
    if (!dir) return 0;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9') add_ticks(e->d_name, c->pid, &ticks);
    closedir(dir);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

bool sl_child_alive(struct sl_child *c)
{
    if (!c->pid) return false;
    siginfo_t info = {0};
    /* WNOWAIT: the process stays to be waited for, so that its number cannot become another's before the group is
     * killed. */
    return waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

void sl_child_end(struct sl_child *c, double seconds)
{
    close_fd(&c->to);
    close_fd(&c->from);
    double until = sl_clock_seconds() + seconds;
    while (sl_child_alive(c) && sl_clock_seconds() < until) usleep(2000);
    if (c->pid) {
        kill(-c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    c->pid = 0;
    /* What the killed group still wrote may come after the first pass. */
    for (int i = 0; i < 20 && c->folder && access(c->folder, F_OK) == 0; i++) {
        if (i) usleep(10000);
        remove_tree(AT_FDCWD, c->folder, 0);
    }
    free(c->folder);
    c->folder = NULL;
}
