/*
 * media_pool.c: who decodes what, and what happens when a worker is lost.
 *
 * Workers come from a nursery: a process forked before there were threads, which forks again whenever a worker is
 * needed and hands its socket over. The server itself never forks once it has threads.
 */
#include "serve/media_pool.h"

#include "base/clock.h"
#include "serve/media_worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A worker as the pool sees it. */
struct worker {
    int socket; /* -1: none, to be asked for */
    pid_t pid;
    bool busy;
};

struct sl_media_pool {
    struct sl_media_pool_options options;
    pid_t nursery_pid;
    int nursery; /* socket */
    pthread_mutex_t lock;
    pthread_cond_t free_worker;
    int64_t losses;
    struct worker workers[]; /* (options.n_workers) */
};

void sl_media_pool_defaults(struct sl_media_pool_options *o)
{
    *o = (struct sl_media_pool_options){
        .n_workers = 2, .max_memory = (size_t)3 << 30, .deadline_seconds = 60, .max_pixels = (int64_t)1 << 26};
}

/* --- the nursery: a process with one thread -------------------------------------------------------------------------
 */

/* Forks a worker and sends its socket and number up. */
static bool hatch(int up, size_t max_memory)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        close(up);
        sl_media_worker_run(pair[1], max_memory);
        _exit(0);
    }
    close(pair[1]);
    bool ok = pid > 0 && sl_media_send(up, &pid, sizeof pid, pair[0]);
    close(pair[0]);
    return ok;
}

/* Forks a worker for every byte that comes, until the pool's end closes. */
static void nursery_run(int up, size_t max_memory)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* nobody waits for workers: the kernel may bury them */
    for (;;) {
        char order;
        int none;
        if (!sl_media_receive(up, &order, 1, &none) || !hatch(up, max_memory)) return;
    }
}

/* --- workers
 * ---------------------------------------------------------------------------------------------------------- */

/* Waits for a message until the deadline; false when none came. */
static bool readable(int socket, double seconds)
{
    double end = sl_clock_seconds() + seconds;
    for (;;) {
        double left = end - sl_clock_seconds();
        struct pollfd p = {.fd = socket, .events = POLLIN};
        int rc = poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
        if (rc > 0) return true;
        if (rc == 0 || errno != EINTR) return false;
    }
}

/* Asks the nursery for a worker; called with the pool locked, since the nursery serves one at a time. */
static sl_status worker_start(struct sl_media_pool *p, struct worker *w, sl_error *err)
{
    struct sl_media_result ready;
    int fd, none;
    char order = 'w';
    if (!sl_media_send(p->nursery, &order, 1, -1) || !sl_media_receive(p->nursery, &w->pid, sizeof w->pid, &fd) ||
        fd < 0) {
        return sl_fail(err, SL_ERR_IO, "cannot start a media worker");
    }
    if (!readable(fd, 10) || !sl_media_receive(fd, &ready, sizeof ready, &none)) {
        close(fd);
        return sl_fail(err, SL_ERR_IO, "a media worker died at its start");
    }
    if (ready.status) {
        close(fd);
        return sl_fail(err, ready.status, "%s", ready.error.message);
    }
    w->socket = fd;
    return SL_OK;
}

static void worker_lose(struct sl_media_pool *p, struct worker *w)
{
    kill(w->pid, SIGKILL);
    pthread_mutex_lock(&p->lock);
    close(w->socket);
    w->socket = -1;
    p->losses++;
    pthread_mutex_unlock(&p->lock);
}

/* Waits for a worker that is free, and starts it if it is not running. */
static sl_status worker_take(struct sl_media_pool *p, struct worker **out, sl_error *err)
{
    struct worker *w = NULL;
    pthread_mutex_lock(&p->lock);
    while (!w) {
        for (int i = 0; i < p->options.n_workers && !w; i++) {
            if (!p->workers[i].busy) w = &p->workers[i];
        }
        if (!w) pthread_cond_wait(&p->free_worker, &p->lock);
    }
    sl_status status = w->socket < 0 ? worker_start(p, w, err) : SL_OK;
    w->busy = !status;
    pthread_mutex_unlock(&p->lock);
    *out = w;
    return status;
}

static void worker_give(struct sl_media_pool *p, struct worker *w)
{
    pthread_mutex_lock(&p->lock);
    w->busy = false;
    pthread_cond_signal(&p->free_worker);
    pthread_mutex_unlock(&p->lock);
}

/* --- jobs
 * --------------------------------------------------------------------------------------------------------------- */

static int share_bytes(const void *bytes, size_t n)
{
    int fd = memfd_create("file", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < n) {
        ssize_t k = write(fd, (const char *)bytes + done, n - done);
        if (k > 0) {
            done += (size_t)k;
        } else if (errno != EINTR) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

/* Has a worker do the job: *result, and *out a descriptor of its pixels. */
static sl_status run_job(struct sl_media_pool *p, struct sl_media_job *job, const void *bytes,
                         struct sl_media_result *result, int *out, sl_error *err)
{
    struct worker *w;
    *out = -1;
    if (job->n_bytes == 0) return sl_fail(err, SL_ERR_FORMAT, "the file is empty");
    int in = share_bytes(bytes, job->n_bytes);
    if (in < 0)
        return sl_fail(err, SL_ERR_MEMORY, "no shared memory for a file of %llu bytes",
                       (unsigned long long)job->n_bytes);
    sl_status status = worker_take(p, &w, err);
    if (status) {
        close(in);
        return status;
    }
    job->max_pixels = p->options.max_pixels;
    job->deadline_seconds = p->options.deadline_seconds;
    bool sent = sl_media_send(w->socket, job, sizeof *job, in);
    bool in_time = sent && readable(w->socket, p->options.deadline_seconds + 1);
    if (!in_time || !sl_media_receive(w->socket, result, sizeof *result, out)) {
        worker_lose(p, w);
        status = sl_fail(err, SL_ERR_FORMAT, in_time || !sent ? "its decoder crashed" : "decoding took too long");
    } else if (result->status) {
        result->error.message[sizeof result->error.message - 1] = '\0';
        status = sl_fail(err, result->status, "%s", result->error.message);
    }
    close(in);
    worker_give(p, w);
    return status;
}

/* Maps n bytes of pixels, after a look at how many there are: a worker may lie. */
static const unsigned char *map_pixels(int fd, size_t n, sl_error *err)
{
    void *map = MAP_FAILED;
    if (fd >= 0 && lseek(fd, 0, SEEK_END) == (off_t)n) map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) sl_fail(err, SL_ERR_FORMAT, "its decoder gave no pixels");
    return map == MAP_FAILED ? NULL : map;
}

sl_status sl_media_pool_picture(struct sl_media_pool *p, const void *bytes, size_t n, struct sl_picture *out,
                                sl_error *err)
{
    struct sl_media_job job = {.kind = SL_JOB_PICTURE, .n_bytes = n};
    struct sl_media_result r;
    int fd;
    *out = (struct sl_picture){0};
    sl_status status = run_job(p, &job, bytes, &r, &fd, err);
    if (!status) status = sl_picture_new(out, r.width, r.height, p->options.max_pixels, err);
    if (!status) {
        size_t size = (size_t)r.width * (size_t)r.height * 3;
        const unsigned char *map = map_pixels(fd, size, err);
        if (map) {
            memcpy(out->rgb, map, size);
            munmap((void *)(uintptr_t)map, size);
        } else {
            status = SL_ERR_FORMAT;
            sl_picture_free(out);
        }
    }
    if (fd >= 0) close(fd);
    return status;
}

/* Copies the frames out of the shared memory. */
static sl_status take_frames(const struct sl_media_result *r, const unsigned char *map, int64_t max_pixels,
                             struct sl_media_frames *out, sl_error *err)
{
    size_t frame = (size_t)r->width * (size_t)r->height * 3, times = (size_t)r->n_frames * sizeof(double);
    sl_status status = SL_OK;
    out->pictures = calloc((size_t)r->n_frames, sizeof *out->pictures);
    out->seconds = malloc(times);
    if (!out->pictures || !out->seconds) return sl_fail(err, SL_ERR_MEMORY, "no memory for %d frames", r->n_frames);
    memcpy(out->seconds, map, times);
    for (int i = 0; !status && i < r->n_frames; i++) {
        status = sl_picture_new(&out->pictures[i], r->width, r->height, max_pixels, err);
        if (!status) memcpy(out->pictures[i].rgb, map + times + (size_t)i * frame, frame);
        out->n = i + !status;
    }
    return status;
}

sl_status sl_media_pool_video(struct sl_media_pool *p, const void *bytes, size_t n,
                              const struct sl_video_sampling *sampling, struct sl_media_frames *out, sl_error *err)
{
    struct sl_media_job job = {.kind = SL_JOB_VIDEO, .n_bytes = n, .sampling = *sampling};
    struct sl_media_result r;
    int fd;
    *out = (struct sl_media_frames){0};
    sl_status status = run_job(p, &job, bytes, &r, &fd, err);
    if (!status && (r.n_frames < 1 || r.n_frames > SL_MEDIA_MAX_FRAMES || r.width < 1 || r.height < 1 ||
                    (int64_t)r.width * r.height > p->options.max_pixels)) {
        status = sl_fail(err, SL_ERR_FORMAT, "its decoder gave no frames");
    }
    if (!status) {
        size_t size = (size_t)r.n_frames * (sizeof(double) + (size_t)r.width * (size_t)r.height * 3);
        const unsigned char *map = map_pixels(fd, size, err);
        status = map ? take_frames(&r, map, p->options.max_pixels, out, err) : SL_ERR_FORMAT;
        if (map) munmap((void *)(uintptr_t)map, size);
        out->width = r.source_width;
        out->height = r.source_height;
        out->level = r.level;
        out->tokens_a_frame = r.tokens_a_frame;
        out->duration = r.duration;
        out->fps = r.fps;
    }
    if (fd >= 0) close(fd);
    if (status) sl_media_frames_free(out);
    return status;
}

void sl_media_frames_free(struct sl_media_frames *f)
{
    for (int i = 0; f->pictures && i < f->n; i++) sl_picture_free(&f->pictures[i]);
    free(f->pictures);
    free(f->seconds);
    *f = (struct sl_media_frames){0};
}

/* --- the pool
 * -------------------------------------------------------------------------------------------------------------- */

sl_status sl_media_pool_new(const struct sl_media_pool_options *o, struct sl_media_pool **out, sl_error *err)
{
    int pair[2];
    *out = NULL;
    struct sl_media_pool *p = calloc(1, sizeof *p + (size_t)o->n_workers * sizeof *p->workers);
    if (!p) return sl_fail(err, SL_ERR_MEMORY, "no memory for the media workers");
    p->options = *o;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->free_worker, NULL);
    for (int i = 0; i < o->n_workers; i++) p->workers[i].socket = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        free(p);
        return sl_fail(err, SL_ERR_IO, "cannot start the media workers: %s", strerror(errno));
    }
    p->nursery_pid = fork();
    if (p->nursery_pid == 0) {
        close(pair[0]);
        nursery_run(pair[1], o->max_memory);
        _exit(0);
    }
    close(pair[1]);
    p->nursery = pair[0];
    /* The first worker starts now, so that a kernel without the means is found out before anybody asks. */
    sl_status status = p->nursery_pid > 0 ? worker_start(p, &p->workers[0], err)
                                          : sl_fail(err, SL_ERR_IO, "cannot fork: %s", strerror(errno));
    *out = p;
    if (status) sl_media_pool_free(out);
    return status;
}

void sl_media_pool_free(struct sl_media_pool **pp)
{
    struct sl_media_pool *p = *pp;
    if (!p) return;
    for (int i = 0; i < p->options.n_workers; i++) {
        if (p->workers[i].socket >= 0) close(p->workers[i].socket);
    }
    close(p->nursery);
    if (p->nursery_pid > 0) waitpid(p->nursery_pid, NULL, 0);
    pthread_cond_destroy(&p->free_worker);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pp = NULL;
}

int64_t sl_media_pool_losses(struct sl_media_pool *p)
{
    pthread_mutex_lock(&p->lock);
    int64_t n = p->losses;
    pthread_mutex_unlock(&p->lock);
    return n;
}
