/* ask.c: one question about one picture.   cc ask.c -lseedling;   ask MODEL PICTURE QUESTION */
#include <seedling.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    sl_error err;
    sl_assistant *model = NULL;
    sl_talk *talk = NULL;
    const sl_reply *reply = NULL;
    if (argc != 4) return fprintf(stderr, "usage: ask MODEL PICTURE QUESTION\n"), 2;
    sl_status s = sl_load(argv[1], NULL, &model, &err);
    if (s == SL_OK) s = sl_talk_new(model, NULL, &talk, &err);
    if (s == SL_OK) s = sl_talk_add_picture_file(talk, argv[2], &err);
    if (s == SL_OK) s = sl_talk_add_text(talk, argv[3], &err);
    if (s == SL_OK) s = sl_talk_ask(talk, NULL, &reply, &err);
    if (s == SL_OK) {
        printf("%s\n", reply->answer);
        for (int i = 0; i < reply->n_points; i++)
            printf("point at pixel %.0f, %.0f\n", reply->points[i].px, reply->points[i].py);
        for (int i = 0; i < reply->n_boxes; i++)
            printf("box from pixel %.0f, %.0f to %.0f, %.0f\n", reply->boxes[i].px1, reply->boxes[i].py1,
                   reply->boxes[i].px2, reply->boxes[i].py2);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    sl_talk_free(&talk);
    sl_unload(&model);
    return s == SL_OK ? 0 : 1;
}
