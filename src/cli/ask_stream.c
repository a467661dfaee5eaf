/*
 * ask_stream.c: one user message that grows by a frame at a time.
 *
 * The question stands first, then the frames. Asking after a frame costs that frame and the answer only: everything
 * before is in the key-value cache.
 */
#include "cli/ask_stream.h"

#include "base/json.h"
#include "base/mem.h"
#include "infer/conversation.h"
#include "media/video_plan.h"
#include "media/video_stream.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char instructions[] =
    "You watch a live video, frame by frame. Answer when a new frame gives you something "
    "new to say about the question; otherwise answer with nothing.";

enum { FRAME_TOKENS = 640 };

/* The watched message and what was said last. */
struct watch {
    sl_engine *engine;
    const struct sl_ask_stream *how;
    struct sl_conversation said;
    char *last; /* the last answer, owned */
    int frame_tokens, most_frames;
    FILE *to;
};

bool sl_ask_stream_is(const char *path)
{
    struct stat st;
    if (strcmp(path, "-") == 0) return true;
    return stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* Starts the message anew. */
static sl_status begin(struct watch *w, sl_error *err)
{
    const char *system = w->how->system ? w->how->system : instructions;
    sl_conversation_cut(&w->said, 0);
    sl_status s = sl_conversation_begin(&w->said, SL_CHAT_SYSTEM, err);
    if (s == SL_OK) s = sl_conversation_text(&w->said, system, strlen(system), err);
    if (s == SL_OK) s = sl_conversation_begin(&w->said, SL_CHAT_USER, err);
    return s == SL_OK ? sl_conversation_text(&w->said, w->how->question, strlen(w->how->question), err) : s;
}

/* Forgets the older half of the frames: the newer ones, which the conversation owns, move to a new message. */
static sl_status forget_half(struct watch *w, sl_error *err)
{
    struct sl_conversation old = w->said;
    const struct sl_conversation_parts *parts = &old.parts[1];
    w->said = (struct sl_conversation){0};
    sl_status s = begin(w, err);
    for (int i = old.n_pictures / 2; i < old.n_pictures && s == SL_OK; i++)
        s = sl_conversation_frame(&w->said, &old.frames[i], parts->items[1 + i].seconds, err);
    sl_conversation_release(&old);
    return s;
}

static void say(struct watch *w, const sl_result *r, double seconds)
{
    if (w->how->json) {
        json_t *o = json_pack("{s:f,s:o}", "seconds", seconds, "answer", json_stringn(r->answer, r->n_answer));
        struct sl_buf line = SL_BUF_INIT((size_t)1 << 24);
        if (sl_json_dump(o, 0, &line, NULL) == SL_OK) fprintf(w->to, "%s\n", sl_buf_str(&line));
        sl_buf_release(&line);
        json_decref(o);
    } else {
        fprintf(w->to, "[%.1f second] %s\n", seconds, r->answer);
    }
    fflush(w->to);
}

/* Asks about all that was seen; tells of it when there is news. */
static sl_status ask_now(struct watch *w, double seconds, sl_error *err)
{
    sl_ask ask = *w->how->ask;
    sl_request *r = NULL;
    sl_conversation_fill(&w->said, &ask);
    sl_status s = sl_engine_answer(w->engine, &ask, &r, err);
    if (s != SL_OK) return s;
    const sl_result *result = sl_request_result(r);
    if (result->finish == SL_FINISH_FAILED) {
        *err = result->error;
        s = result->status;
    } else if (result->answer[strspn(result->answer, " \t\r\n")] &&
               (!w->last || strcmp(w->last, result->answer) != 0)) {
        say(w, result, seconds);
        free(w->last);
        w->last = sl_strdup(result->answer);
    }
    sl_request_free(r);
    return s;
}

/* Chooses the size of frames: at most 640 tokens, and so that at least four fit into half of the context. */
static sl_status choose_size(struct watch *w, const struct sl_video_stream *v, int *width, int *height, sl_error *err)
{
    sl_engine_limits limits;
    int from_width, from_height;
    sl_engine_get_limits(w->engine, &limits);
    sl_video_stream_size(v, &from_width, &from_height);
    int tokens = limits.context / 8 < FRAME_TOKENS ? limits.context / 8 : FRAME_TOKENS;
    struct sl_fit fit = {SL_VIDEO_TOKEN_SIDE, limits.min_pixels, (int64_t)tokens * 784};
    if (fit.max_pixels > limits.pixels) fit.max_pixels = limits.pixels;
    sl_status s = sl_picture_fit(&fit, from_width, from_height, width, height, err);
    w->frame_tokens = *width / SL_VIDEO_TOKEN_SIDE * (*height / SL_VIDEO_TOKEN_SIDE) + 16;
    w->most_frames = limits.context / 2 / w->frame_tokens;
    if (w->most_frames < 2) w->most_frames = 2;
    return s;
}

static sl_status watch_frames(struct watch *w, struct sl_video_stream *v, sl_error *err)
{
    int width = 0, height = 0;
    sl_status s = choose_size(w, v, &width, &height, err);
    for (bool end = false; s == SL_OK;) {
        struct sl_picture frame = {0};
        double seconds;
        s = sl_video_stream_next(v, width, height, &frame, &seconds, &end, err);
        if (s != SL_OK || end) break;
        if (w->said.n_pictures >= w->most_frames) s = forget_half(w, err);
        if (s == SL_OK)
            s = sl_conversation_frame(&w->said, &frame, seconds, err);
        else
            sl_picture_free(&frame);
        if (s == SL_OK) s = ask_now(w, seconds, err);
    }
    return s;
}

sl_status sl_ask_stream(sl_engine *e, const struct sl_ask_stream *how, FILE *to, sl_error *err)
{
    struct watch w = {.engine = e, .how = how, .to = to};
    struct sl_video_stream_options o = sl_video_stream_options_default();
    struct sl_video_stream *v = NULL;
    bool standard = strcmp(how->source, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(how->source, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return sl_fail(err, SL_ERR_IO, "%s: cannot be opened", how->source);
    o.fps = how->fps;
    sl_status s = sl_video_stream_open(&v, fd, standard ? "standard input" : how->source, &o, err);
    if (s == SL_OK) s = begin(&w, err);
    if (s == SL_OK) s = watch_frames(&w, v, err);
    sl_video_stream_close(&v);
    if (!standard) close(fd);
    sl_conversation_release(&w.said);
    free(w.last);
    return s;
}
