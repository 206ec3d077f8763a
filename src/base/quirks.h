/* Faults of libcurl that are worked round, each with the versions that have it.
   A row of QUIRKS makes a function `quirk_<name>()`; core.quirks() tells of those
   that the libcurl which runs has, docs/quirks.md of all. No Lua here. */
#pragma once

#include <stdbool.h>

#include "curl_version.h"

/* 7.81 is the oldest libcurl that is supported. */
#define QUIRK_SINCE(version) (compat_curl_version() >= (version))
#define QUIRK_BEFORE(version) (compat_curl_version() < (version))
#define QUIRK_ALL true
#define QUIRK_OPENSSL_QUIC compat_curl_has_openssl_quic()

/* X(name, versions, its issue, what libcurl does, what multisock does) */
#define QUIRKS(X)                                                              \
  X(folded_first_line, QUIRK_SINCE(0x075300) && QUIRK_BEFORE(0x080100),        \
    "curl#11101",                                                              \
    "an answer whose header block begins with a blank makes a handle that is " \
    "used again read and free memory that was freed",                          \
    "such answers are refused before libcurl sees that line")                  \
  X(version_of_answer, QUIRK_BEFORE(0x080800), "curl#13421",                   \
    "\"HTTP/2\" in the status line of an HTTP/1.1 server is believed: "        \
    "several "                                                                 \
    "requests then share a connection that carries one at a time, and get "    \
    "each other's answers",                                                    \
    "what is known to be HTTP/1.1 never shares, and such an answer is an "     \
    "error (core.multi: set pipelining = 0, or http_version = 2)")             \
  X(h2_truncates, QUIRK_BEFORE(0x080100), NULL,                                \
    "an HTTP/2 body without Content-Length that a broken connection or a "     \
    "reset cuts off looks complete",                                           \
    "requests are sent in HTTP/1.1 unless http_version is \"2\", or the "      \
    "server "                                                                  \
    "speaks nothing else: then ask only for bodies whose end can be told by "  \
    "what is in them")                                                         \
  X(h2_reset_is_end, QUIRK_ALL, NULL,                                          \
    "an HTTP/2 body without Content-Length that the server ends by a reset "   \
    "with NO_ERROR looks complete",                                            \
    "nothing: RFC 9113 lets a server do that behind a whole answer")           \
  X(tls_end_unread, QUIRK_ALL, "curl#4624",                                    \
    "an HTTP/1 body without a length, which the end of the TLS connection "    \
    "ends, looks complete when that was cut",                                  \
    "OpenSSL is asked whether the server has told the end (fetch); GnuTLS "    \
    "makes an error of it by itself")                                          \
  X(h2_end_unheard, QUIRK_ALL, NULL,                                           \
    "an idle HTTP/2 connection whose server has ended TLS and gone, without "  \
    "GOAWAY, serves the next request, which fails",                            \
    "such a connection is looked at before a request is sent, and closed")     \
  X(h2_keeps_broken, QUIRK_SINCE(0x080000), NULL,                              \
    "a connection whose HTTP/2 has failed, as a frame was wrong, serves the "  \
    "next requests, which fail, too (seen with 8.14.1)",                       \
    "it is closed when the request that met it has ended")                     \
  X(h2_pause_truncates, QUIRK_BEFORE(0x080400), "curl#11982",                  \
    "an HTTP/2 body that is paused may end early, without an error",           \
    "it is never paused: what nobody reads is kept, up to max_body")           \
  X(small_buffer, QUIRK_BEFORE(0x080100), NULL,                                \
    "HTTP/2 writes past a receive buffer of less than 16 KiB",                 \
    "buffersize is 16 KiB at least where HTTP/2 may be spoken")                \
  X(long_line_is_memory, QUIRK_BEFORE(0x080600), NULL,                         \
    "a header line of more than 100 KB is \"Out of memory\"",                  \
    "the kind of the error is too_large")                                      \
  X(trailers_twice, QUIRK_BEFORE(0x080700), NULL,                              \
    "a handle that has sent trailers writes before a buffer when it uploads "  \
    "again",                                                                   \
    "such a handle does not upload again (core)")                              \
  X(hsts_names_shared, QUIRK_BEFORE(0x080e00), NULL,                           \
    "a duplicate of a handle with hsts frees the list of the original",        \
    "such a handle cannot be duplicated (core)")                               \
  X(mixed_versions, QUIRK_BEFORE(0x080500), "curl#12373",                      \
    "requests that may share a connection of HTTP/2 are sent on a busy one "   \
    "of "                                                                      \
    "HTTP/1.1 to the same host",                                               \
    "the two are kept on connections of their own")                            \
  X(reuses_talking, QUIRK_BEFORE(0x080000) || QUIRK_SINCE(0x081600),           \
    "curl#10690, curl#22169",                                                  \
    "an idle connection of HTTP/1 that has something to say serves the next "  \
    "request, which gets that for its answer (from 8.22 on within a second)",  \
    "connections are looked at before a request is sent, and closed; those "   \
    "to unix_socket are not kept")                                             \
  X(no_ca_cache, QUIRK_BEFORE(0x075700), "curl#9620",                          \
    "each new TLS connection parses the file of authorities again, which "     \
    "takes about 20 ms of CPU",                                                \
    "one connection does so in each turn of the loop, and TLS has one multi")  \
  X(detached_lookups, QUIRK_ALL, "curl#8515",                                  \
    "a lookup that is cut off goes on in a thread that nobody sees",           \
    "a transfer that nobody cuts off looks names up, 32 at a time (fetch)")    \
  X(leaking_resolve, QUIRK_ALL, "curl#4089",                                   \
    "the addresses of CURLOPT_RESOLVE stay for all later transfers, whose "    \
    "connections are found by name",                                           \
    "resolve sends the request to a name of its own (fetch); curl = {resolve " \
    "= ...} and the core do as libcurl does")                                  \
  X(repeats_unasked, QUIRK_ALL, "curl#18417",                                  \
    "a request on a kept connection that dies before an answer is sent "       \
    "again, "                                                                  \
    "whatever it does, up to five times",                                      \
    "a POST or PATCH ends with an error of kind \"closed\", others are sent "  \
    "again once (fetch)")                                                      \
  X(h2_stalls_after_answer, QUIRK_BEFORE(0x080100), NULL,                      \
    "an HTTP/2 answer of 300 or more that comes before the body was sent may " \
    "be held back for ever",                                                   \
    "the transfer is paused and continued when such an answer begins")         \
  X(h2_hangs_after_answer, QUIRK_BEFORE(0x080300), NULL,                       \
    "when an HTTP/2 server answers in full before it has read the body, the "  \
    "transfer may never end, and uses all of the CPU; when the server ends "   \
    "the stream, too, the answer may be lost",                                 \
    "an answer that is complete by its Content-Length ends the request; one "  \
    "that is lost is an error of kind \"closed\"")                             \
  X(reads_when_paused, QUIRK_SINCE(0x080a00), NULL,                            \
    "a paused answer is read on while the body is sent, and kept without a "   \
    "limit",                                                                   \
    "the upload waits, too, from 4 MiB on (fetch)")                            \
  X(h2_fails_after_answer, QUIRK_ALL, NULL,                                    \
    "the same transfer fails when the rest of the body was sent",              \
    "that is no error when the answer is complete by its Content-Length")      \
  X(refused_address_waits, QUIRK_BEFORE(0x080400), "curl#11920",               \
    "when two of three addresses refuse, it may wait for half the connect "    \
    "timeout before it tries the third",                                       \
    "all transfers are looked after eight times, 150 ms apart")                \
  X(reopens_silently, QUIRK_BEFORE(0x080200), NULL,                            \
    "it closes the socket of an abandoned connect itself, and may open one "   \
    "of "                                                                      \
    "the same number, without a word",                                         \
    "a poll outlives its use only for sockets that have been read from; the "  \
    "new socket is watched for what the old one was")                          \
  X(ftp_forgets_control, QUIRK_SINCE(0x075700) && QUIRK_BEFORE(0x080700),      \
    "curl#12913",                                                              \
    "an FTP data connection that is not ready is watched alone: answers on "   \
    "the "                                                                     \
    "control connection reach nobody, and the transfer times out",             \
    "events of the control connection are passed on to the other socket")      \
  X(ftp_stalls, QUIRK_SINCE(0x075700) && QUIRK_BEFORE(0x080400), "curl#12042", \
    "when the answer to EPSV is there at once, it stops before it opens the "  \
    "data connection",                                                         \
    "all transfers are looked after when one waits for nothing")               \
  X(quic_forgets_streams, QUIRK_OPENSSL_QUIC, NULL,                            \
    "HTTP/3 on the QUIC of OpenSSL forgets its own streams when it writes to " \
    "them before they have credit, and forgets paused uploads: later "         \
    "requests "                                                                \
    "wait for ever",                                                           \
    "hellos of one datagram, timers that are 2 ms late, and connections are "  \
    "nudged while uploads run")                                                \
  X(hsts_names_lost, QUIRK_BEFORE(0x080500), NULL,                             \
    "a reset handle forgets to free the names of its HSTS files",              \
    "they are taken away before")                                              \
  X(shares_tls_sessions, QUIRK_SINCE(0x080c00), NULL,                          \
    "TLS sessions of FTP's control connections are lent to whatever else the " \
    "multi runs",                                                              \
    "a request of FTP with TLS has a share of its own")

#define QUIRK_FUNCTION(name, versions, issue, effect, remedy) \
  static inline bool quirk_##name(void)                       \
  {                                                           \
    return versions;                                          \
  }
QUIRKS(QUIRK_FUNCTION)
#undef QUIRK_FUNCTION

typedef struct Quirk {
  const char *name, *versions, *issue, *effect, *remedy;
  bool (*applies)(void);
} Quirk;

/* All of them; the last one has no name. */
extern const Quirk quirks_all[];

/* Before 8.7 each transfer has a receive buffer of its own for as long as it runs:
   start.c makes those of many transfers small. */
static inline bool quirk_large_receive_buffers(void)
{
  return compat_curl_version() < 0x080700;
}

/* Before 8.9.0 there is no option for the count of keepalive's questions;
   keepalive.c sets it on the socket. */
static inline bool quirk_no_keepcnt(void)
{
  return compat_curl_version() < 0x080900;
}
