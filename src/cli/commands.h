/*
 * commands.h: the subcommands, each in its own cmd_<name>.c. Adding one is a file, a line here and a row in main.c.
 */
#ifndef SL_CLI_COMMANDS_H
#define SL_CLI_COMMANDS_H

/* Each runs one subcommand: argv[0] is its name; returns an exit code of cli.h. */
int sl_cmd_ask(int argc, char **argv);
int sl_cmd_bench(int argc, char **argv);
int sl_cmd_chat(int argc, char **argv);
int sl_cmd_convert(int argc, char **argv);
int sl_cmd_data(int argc, char **argv);
int sl_cmd_embed(int argc, char **argv);
int sl_cmd_eval(int argc, char **argv);
int sl_cmd_info(int argc, char **argv);
int sl_cmd_locate(int argc, char **argv);
int sl_cmd_logits(int argc, char **argv);
int sl_cmd_serve(int argc, char **argv);
int sl_cmd_tokenizer(int argc, char **argv);
int sl_cmd_plot(int argc, char **argv);
int sl_cmd_train(int argc, char **argv);

#endif
