/* A server that answers HTTP/2 requests over TLS late, and counts how many
 * streams were open at once and on how many connections. One thread, epoll,
 * nghttp2, OpenSSL. Used by bench/run.
 *
 *   h2slow --cert FILE --key FILE [--delay-ms D] [--hold N] [--body N]
 *          [--streams N]
 *
 * An answer is due D ms after its request. With --hold nothing is answered
 * until N requests wait at the same time; then all are, and N starts anew.
 * The body of /N, N being a number, is N and a line feed, again and again;
 * any other path gets an "x" repeated. Prints "PORT n". A line on standard
 * input is answered by "peak P connections C served R" since the last such
 * line; its end ends the server. */
#define _GNU_SOURCE
#include "h2slow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTPUT_SIZE 16384

struct connection {
  int fd;
  SSL *ssl;
  nghttp2_session *session; /* NULL until the handshake is done */
  unsigned char *output;    /* while some of it did not fit into the socket */
  size_t output_length, output_sent;
  bool watching_out;
  bool dirty; /* on the list of those with something to send */
  struct connection *next_dirty;
};

struct settings settings = { .body = 1024, .streams = 128 };

static struct connection *dirty;
static long opened;
static int epoll_fd;
static SSL_CTX *tls;
static nghttp2_session_callbacks *callbacks;

void require(bool ok, const char *what)
{
  if (ok)
    return;
  fprintf(stderr, "h2slow: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* ---- Connections ---- */

nghttp2_session *connection_session(struct connection *connection)
{
  return connection->session;
}

void connection_mark(struct connection *connection)
{
  if (connection->dirty)
    return;
  connection->dirty = true;
  connection->next_dirty = dirty;
  dirty = connection;
}

static void connection_close(struct connection *connection)
{
  struct connection **link = &dirty;

  for (; connection->dirty && *link; link = &(*link)->next_dirty)
    if (*link == connection) {
      *link = connection->next_dirty;
      break;
    }
  if (connection->session) {
    streams_drop(connection);
    nghttp2_session_del(connection->session);
  }
  SSL_free(connection->ssl);
  close(connection->fd);
  free(connection->output);
  free(connection);
}

static void connection_watch(struct connection *connection, bool out)
{
  struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0),
                               .data.ptr = connection };

  if (connection->watching_out == out)
    return;
  connection->watching_out = out;
  require(!epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event),
          "epoll_ctl");
}

/* Fills the output with frames, up to one TLS record. */
static bool output_fill(struct connection *connection)
{
  const uint8_t *data;
  ssize_t n = 0;

  if (!connection->output) {
    connection->output = malloc(OUTPUT_SIZE * 2);
    require(connection->output != NULL, "malloc");
  }
  connection->output_length = connection->output_sent = 0;
  /* A frame is at most 16 KiB and its header: it fits behind the half. */
  while (connection->output_length < OUTPUT_SIZE - 16 &&
         (n = nghttp2_session_mem_send(connection->session, &data)) > 0) {
    require(connection->output_length + (size_t)n <= OUTPUT_SIZE * 2,
            "a frame too large");
    memcpy(connection->output + connection->output_length, data, (size_t)n);
    connection->output_length += (size_t)n;
  }
  return n >= 0;
}

/* Sends all there is; false when the connection is gone. */
static bool connection_send(struct connection *connection)
{
  for (;;) {
    if (connection->output_sent == connection->output_length) {
      if (!output_fill(connection))
        break;
      if (!connection->output_length) {
        free(connection->output); /* thousands of connections only wait */
        connection->output = NULL;
        connection_watch(connection, false);
        return true;
      }
    }
    ERR_clear_error();
    int n =
        SSL_write(connection->ssl, connection->output + connection->output_sent,
                  (int)(connection->output_length - connection->output_sent));
    if (n <= 0) {
      int error = SSL_get_error(connection->ssl, n);
      if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
        break;
      connection_watch(connection, error == SSL_ERROR_WANT_WRITE);
      return true;
    }
    connection->output_sent += (size_t)n;
  }
  connection_close(connection);
  return false;
}

static void dirty_send(void)
{
  while (dirty) {
    struct connection *connection = dirty;

    dirty = connection->next_dirty;
    connection->dirty = false;
    (void)connection_send(connection); /* nothing more to do with it */
  }
}

/* False: not done yet, or the connection was closed. */
static bool connection_shake(struct connection *connection)
{
  const unsigned char *protocol;
  unsigned length;
  int status = SSL_accept(connection->ssl);

  if (status != 1) {
    int error = SSL_get_error(connection->ssl, status);
    if (error == SSL_ERROR_WANT_WRITE)
      connection_watch(connection, true);
    else if (error == SSL_ERROR_WANT_READ)
      connection_watch(connection, false);
    else
      connection_close(connection);
    return false;
  }
  SSL_get0_alpn_selected(connection->ssl, &protocol, &length);
  if (length != 2) { /* a client that does not speak HTTP/2 */
    connection_close(connection);
    return false;
  }
  nghttp2_settings_entry entry = { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                   (uint32_t)settings.streams };
  require(!nghttp2_session_server_new(&connection->session, callbacks,
                                      connection) &&
              !nghttp2_submit_settings(connection->session, 0, &entry, 1),
          "nghttp2_session_server_new");
  opened++;
  return true;
}

static void connection_ready(struct connection *connection)
{
  static unsigned char buffer[65536];

  ERR_clear_error();
  if (!connection->session && !connection_shake(connection))
    return;
  for (;;) {
    int n = SSL_read(connection->ssl, buffer, sizeof(buffer));
    if (n <= 0) {
      int error = SSL_get_error(connection->ssl, n);
      if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        break;
      connection_close(connection);
      return;
    }
    if (nghttp2_session_mem_recv(connection->session, buffer, (size_t)n) < 0) {
      connection_close(connection);
      return;
    }
  }
  (void)connection_send(connection); /* nothing more to do with it */
}

static void connections_accept(int listener)
{
  int fd;

  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
         0) {
    struct connection *connection = calloc(1, sizeof(*connection));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    int on = 1;

    require(connection != NULL, "calloc");
    connection->fd = fd;
    connection->ssl = SSL_new(tls);
    require(connection->ssl && SSL_set_fd(connection->ssl, fd), "SSL_new");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  require(errno == EAGAIN || errno == ECONNABORTED || errno == EINTR, "accept");
}

/* ---- The process ---- */

static void command_answer(void)
{
  char line[64];
  ssize_t n = read(STDIN_FILENO, line, sizeof(line));

  if (n <= 0)
    exit(0);
  printf("peak %ld connections %ld served %ld\n", counts.peak, opened,
         counts.requests);
  (void)fflush(stdout); /* a reader that is gone shows on standard input */
  counts.peak = counts.waiting;
  opened = counts.requests = 0;
}

static void serve(int listener)
{
  struct epoll_event events[512];
  static char input;

  struct epoll_event event = { .events = EPOLLIN, .data.ptr = &input };
  require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event),
          "watching standard input");
  for (;;) {
    int timeout = streams_serve();

    dirty_send();
    int count = epoll_wait(epoll_fd, events, 512, timeout);
    require(count >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < count; i++) {
      if (!events[i].data.ptr)
        connections_accept(listener);
      else if (events[i].data.ptr == &input)
        command_answer();
      else
        connection_ready(events[i].data.ptr);
    }
  }
}

static int listener_open(void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t length = sizeof(address);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(fd >= 0, "socket");
  require(!bind(fd, (struct sockaddr *)&address, length), "bind");
  require(!listen(fd, 65535), "listen");
  require(!getsockname(fd, (struct sockaddr *)&address, &length),
          "getsockname");
  require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  printf("PORT %d\n", ntohs(address.sin_port));
  (void)fflush(stdout);
  return fd;
}

static int on_alpn(SSL *ssl, const unsigned char **chosen,
                   unsigned char *length, const unsigned char *offered,
                   unsigned offered_length, void *userp)
{
  (void)ssl;
  (void)userp;
  return nghttp2_select_next_protocol((unsigned char **)chosen, length, offered,
                                      offered_length) == 1
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void libraries_open(void)
{
  tls = SSL_CTX_new(TLS_server_method());
  require(tls != NULL, "SSL_CTX_new");
  require(SSL_CTX_use_certificate_chain_file(tls, settings.cert) == 1 &&
              SSL_CTX_use_PrivateKey_file(tls, settings.key,
                                          SSL_FILETYPE_PEM) == 1,
          "reading the certificate");
  SSL_CTX_set_alpn_select_cb(tls, on_alpn, NULL);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  callbacks = streams_callbacks();
}

static void settings_read(int argc, char **argv)
{
  static const struct option names[] = {
    { "cert", required_argument, NULL, 'c' },
    { "key", required_argument, NULL, 'k' },
    { "delay-ms", required_argument, NULL, 'd' },
    { "hold", required_argument, NULL, 'h' },
    { "body", required_argument, NULL, 'b' },
    { "streams", required_argument, NULL, 's' },
    { NULL, 0, NULL, 0 }
  };
  int name;

  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    switch (name) {
    case 'c': settings.cert = optarg; break;
    case 'k': settings.key = optarg; break;
    case 'd': settings.delay_ms = strtol(optarg, NULL, 10); break;
    case 'h': settings.hold = strtol(optarg, NULL, 10); break;
    case 'b': settings.body = strtol(optarg, NULL, 10); break;
    case 's': settings.streams = strtol(optarg, NULL, 10); break;
    default: settings.body = -1;
    }
  }
  if (!settings.cert || !settings.key || settings.delay_ms < 0 ||
      settings.hold < 0 || settings.body < 0 || settings.streams < 1) {
    fprintf(stderr,
            "usage: %s --cert FILE --key FILE [--delay-ms D] [--hold N] "
            "[--body N] [--streams N]\n",
            *argv);
    exit(2);
  }
}

int main(int argc, char **argv)
{
  struct rlimit files;

  settings_read(argc, argv);
  (void)signal(SIGPIPE, SIG_IGN); /* cannot fail with these arguments */
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* accept() tells if too few */
  }
  libraries_open();
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  require(epoll_fd >= 0, "epoll_create1");
  serve(listener_open());
}
