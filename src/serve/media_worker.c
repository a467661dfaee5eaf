/*
 * media_worker.c: the inside of a media worker: one thread, one socket, shared memory in and out.
 */
#include "serve/media_worker.h"

#include "media/video.h"
#include "serve/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

bool sl_media_send(int socket, const void *message, size_t n, int fd)
{
    struct iovec part = {(void *)(uintptr_t)message, n};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    ssize_t sent;
    do {
        sent = sendmsg(socket, &m, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n;
}

bool sl_media_receive(int socket, void *message, size_t n, int *fd)
{
    struct iovec part = {message, n};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    *fd = -1;
    do {
        got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    for (struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&m) : NULL; c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(c), sizeof *fd);
    }
    if (got == (ssize_t)n) return true;
    if (*fd >= 0) close(*fd);
    *fd = -1;
    return false;
}

/* Makes shared memory of n bytes, mapped at *map; returns its descriptor, or -1. */
static int share(size_t n, unsigned char **map)
{
    int fd = memfd_create("pixels", MFD_CLOEXEC);
    void *p = MAP_FAILED;
    if (fd >= 0 && !ftruncate(fd, (off_t)n)) p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        if (fd >= 0) close(fd);
        return -1;
    }
    *map = p;
    return fd;
}

static int decode_picture(const struct sl_media_job *job, const void *bytes, struct sl_media_result *r)
{
    struct sl_picture p = {0};
    unsigned char *map = NULL;
    int fd = -1;
    r->status = sl_picture_decode(&p, bytes, job->n_bytes, job->max_pixels, &r->error);
    if (!r->status) {
        size_t n = (size_t)p.width * (size_t)p.height * 3;
        r->width = r->source_width = p.width;
        r->height = r->source_height = p.height;
        r->n_frames = 1;
        fd = share(n, &map);
        if (fd < 0)
            r->status = sl_fail(&r->error, SL_ERR_MEMORY, "the picture is too large to decode here");
        else
            memcpy(map, p.rgb, n), munmap(map, n);
    }
    sl_picture_free(&p);
    return fd;
}

/* Decodes the frames of the plan one by one into the shared memory. */
static int decode_frames(struct sl_video *v, const struct sl_video_plan *plan, struct sl_media_result *r)
{
    size_t frame = (size_t)plan->width * (size_t)plan->height * 3, times = (size_t)plan->n_frames * sizeof(double);
    size_t total = times + frame * (size_t)plan->n_frames;
    unsigned char *map = NULL;
    int fd = share(total, &map);
    if (fd < 0) {
        r->status = sl_fail(&r->error, SL_ERR_MEMORY, "the frames are too large to decode here");
        return -1;
    }
    memcpy(map, plan->seconds, times);
    for (int64_t i = 0; !r->status && i < plan->n_frames; i++) {
        struct sl_picture p = {0};
        r->status = sl_video_planned_frame(v, plan, i, &p, &r->error);
        if (!r->status) memcpy(map + times + (size_t)i * frame, p.rgb, frame);
        sl_picture_free(&p);
    }
    munmap(map, total);
    return fd;
}

static int decode_video(const struct sl_media_job *job, const void *bytes, struct sl_media_result *r)
{
    struct sl_video_options o = sl_video_options_default();
    struct sl_video_plan plan = {0};
    struct sl_video *v = NULL;
    int fd = -1;
    o.max_pixels = job->max_pixels;
    o.deadline_seconds = job->deadline_seconds;
    r->status = sl_video_open_memory(&v, bytes, job->n_bytes, "the video", &o, &r->error);
    if (!r->status) r->status = sl_video_plan_frames(v, &job->sampling, &plan, &r->error);
    if (!r->status && plan.n_frames > SL_MEDIA_MAX_FRAMES) {
        r->status = sl_fail(&r->error, SL_ERR_MEMORY, "more than %d frames", SL_MEDIA_MAX_FRAMES);
    }
    if (!r->status) {
        const struct sl_video_info *info = sl_video_info(v);
        r->width = plan.width;
        r->height = plan.height;
        r->n_frames = (int)plan.n_frames;
        r->source_width = info->width;
        r->source_height = info->height;
        r->level = plan.level;
        r->tokens_a_frame = plan.tokens_a_frame;
        r->duration = info->seconds;
        r->fps = info->fps;
        fd = decode_frames(v, &plan, r);
    }
    sl_video_plan_free(&plan);
    sl_video_close(&v);
    return fd;
}

void sl_media_worker_run(int socket, size_t max_memory)
{
    struct sl_media_result ready = {0};
    ready.status = sl_sandbox_enter(max_memory, &ready.error);
    if (!sl_media_send(socket, &ready, sizeof ready, -1) || ready.status) return;
    for (;;) {
        struct sl_media_job job;
        struct sl_media_result r = {0};
        int in = -1, out = -1;
        if (!sl_media_receive(socket, &job, sizeof job, &in)) return;
        void *bytes = in < 0 ? MAP_FAILED : mmap(NULL, job.n_bytes, PROT_READ, MAP_PRIVATE, in, 0);
        if (bytes == MAP_FAILED)
            r.status = sl_fail(&r.error, SL_ERR_MEMORY, "the file is too large to decode here");
        else if (job.kind == SL_JOB_PICTURE)
            out = decode_picture(&job, bytes, &r);
        else
            out = decode_video(&job, bytes, &r);
        if (bytes != MAP_FAILED) munmap(bytes, job.n_bytes);
        if (in >= 0) close(in);
        if (r.status && out >= 0) close(out), out = -1;
        bool sent = sl_media_send(socket, &r, sizeof r, out);
        if (out >= 0) close(out);
        if (!sent) return;
    }
}
