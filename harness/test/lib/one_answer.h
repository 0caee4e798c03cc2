#ifndef ORDEAL_TEST_LIB_ONE_ANSWER_H
#define ORDEAL_TEST_LIB_ONE_ANSWER_H

#include <stddef.h>

/* A server on 127.0.0.1 that answers one question, when the test says so: the
 * kernel connects whoever asks, so it needs no thread. */
struct one_answer {
	int fd, port;
	char question[2000]; /* what was asked */
};

void one_answer_listen(struct one_answer *a);

/* Reads the question, answers it and closes. Head and body are all that it says. */
void one_answer_give(struct one_answer *a, const char *head, const char *body);

/* Closes without having answered. */
void one_answer_end(struct one_answer *a);

#endif
