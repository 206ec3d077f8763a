/* The request's body on its way from Lua to libcurl. Used by receiver.c,
   repeat.c and easy_transfer.c. */
#pragma once

#include "easy.h"

struct Receiver;

/* Gives the handle its read and seek callbacks. */
void upload_install(Easy *easy);

/* Before each request of a transfer: whether its body begins with its first
   byte, again. */
bool upload_begin(Easy *easy);

/* More of it has come from Lua; false: out of memory. */
bool upload_feed(Easy *easy, const char *bytes, size_t size);

/* The answer needs no more of it: libcurl goes on without. */
void upload_end(Easy *easy);

/* Bytes that libcurl has not taken. */
size_t upload_waiting(const struct Receiver *receiver);
