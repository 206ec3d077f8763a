/* What the two files of h2slow share: h2slow.c has the process and its
 * connections, h2slow_streams.c the requests and when they are answered. */
#ifndef H2SLOW_H
#define H2SLOW_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

struct connection;

struct settings {
  long delay_ms, hold, body, streams;
  const char *cert, *key;
};
extern struct settings settings;

/* Streams that wait now, that did so at once at most, and that came. */
struct counts {
  long waiting, peak, requests;
};
extern struct counts counts;

/* Ends the process when something is not as it has to be. */
void require(bool ok, const char *what);

/* The session of a connection, and that it has something to send. */
nghttp2_session *connection_session(struct connection *connection);
void connection_mark(struct connection *connection);

/* What nghttp2 is to call; the user pointer is the connection. */
nghttp2_session_callbacks *streams_callbacks(void);

/* Answers what is due; the milliseconds until the next one is, or -1. */
int streams_serve(void);

/* Forgets those of a connection that is closed. */
void streams_drop(const struct connection *connection);

#endif
