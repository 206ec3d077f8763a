/* A server that answers each HTTP/1.1 request after a fixed delay and counts
 * how many were waiting at once, so that a client that claims to have 10,000
 * requests in flight can be believed. One thread, epoll. Used by bench/run.
 *
 *   slow --delay-ms D --body N --port P [--late-ms L] [--headers H]
 *   (port 0: any; prints "PORT n")
 *   GET /peak         the most requests that waited at once, as plain text
 *   GET /peak-reset   the same, and counting starts anew
 *   anything else     200 with H header lines (2) and N bytes, D ms later; with
 *                     --late-ms the N bytes come L ms after the header, as from
 *                     an application that has yet to make them */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TARGET_MAX 32
#define LINE_MAX 40
#define HEADERS_LEAST 2
#define HEADERS_MOST 200

struct queue;

struct connection {
  int fd;
  struct queue *waits;   /* where it waits, or NULL */
  bool blocked;          /* the answer did not fit into the socket */
  unsigned char matched; /* how much of CR LF CR LF was just seen */
  unsigned char target_length;
  unsigned char line_length;
  char target[TARGET_MAX]; /* the first bytes of the request */
  char line[LINE_MAX];     /* the first bytes of this header line */
  size_t body;             /* of the request: bytes still to come */
  size_t sent, until;      /* of the answer; where this part of it ends */
  uint64_t due;
  struct connection *previous, *next;
};

/* The delay is the same for all, so a queue in order of arrival is also one
 * in order of time. */
struct queue {
  struct connection *first, *last;
  uint64_t delay_ns;
};

static struct queue answers; /* requests that wait for an answer */
static struct queue bodies;  /* and those that wait for the rest of it */
static long waiting, peak;
static char *answer;
static size_t answer_length;
static size_t first_length; /* what is sent at first: the header, or all */
static int epoll_fd;

static void require(bool ok, const char *what)
{
  if (ok)
    return;
  fprintf(stderr, "slow: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void queue_append(struct queue *queue, struct connection *connection)
{
  connection->due = now_ns() + queue->delay_ns;
  connection->waits = queue;
  connection->previous = queue->last;
  connection->next = NULL;
  if (queue->last)
    queue->last->next = connection;
  else
    queue->first = connection;
  queue->last = connection;
  if (++waiting > peak)
    peak = waiting;
}

static void queue_remove(struct connection *connection)
{
  struct queue *queue = connection->waits;

  if (connection->previous)
    connection->previous->next = connection->next;
  else
    queue->first = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  else
    queue->last = connection->previous;
  connection->waits = NULL;
  waiting--;
}

static void connection_close(struct connection *connection)
{
  if (connection->waits)
    queue_remove(connection);
  close(connection->fd);
  free(connection);
}

static void connection_watch(struct connection *connection, uint32_t events)
{
  struct epoll_event event = { .events = events, .data.ptr = connection };

  require(!epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event),
          "epoll_ctl");
}

/* Sends what is left of this part; false when the connection is gone. */
static bool connection_answer(struct connection *connection)
{
  while (connection->sent < connection->until) {
    ssize_t n = send(connection->fd, answer + connection->sent,
                     connection->until - connection->sent, 0);
    if (n < 0 && errno == EAGAIN) {
      if (!connection->blocked)
        connection_watch(connection, EPOLLIN | EPOLLOUT);
      connection->blocked = true;
      return true;
    }
    if (n < 0) {
      connection_close(connection);
      return false;
    }
    connection->sent += (size_t)n;
  }
  if (connection->blocked)
    connection_watch(connection, EPOLLIN);
  connection->blocked = false;
  if (connection->until < answer_length)
    queue_append(&bodies, connection);
  else
    connection->sent = 0;
  return true;
}

/* Answers a question about the peak at once; false when it was none. */
static bool peak_answer(struct connection *connection)
{
  char text[200], body[24];
  bool reset = !memcmp(connection->target, "GET /peak-reset ", 16);

  if (!reset && memcmp(connection->target, "GET /peak ", 10) != 0)
    return false;
  int length = snprintf(body, sizeof(body), "%ld\n", peak);
  length = snprintf(text, sizeof(text),
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                    "Content-Length: %d\r\n\r\n%s",
                    length, body);
  if (reset)
    peak = waiting;
  /* So short that it always fits; a client that is gone shows on reading. */
  (void)!send(connection->fd, text, (size_t)length, 0);
  return true;
}

/* Takes one byte of a request; true when it was the last one of its header. */
static bool connection_take(struct connection *connection, char byte)
{
  static const char end[] = "\r\n\r\n", name[] = "content-length:";

  if (connection->target_length < TARGET_MAX)
    connection->target[connection->target_length++] = byte;
  if (connection->line_length < LINE_MAX - 1)
    connection->line[connection->line_length++] = byte;
  if (byte == '\n') {
    connection->line[connection->line_length] = '\0';
    if (!strncasecmp(connection->line, name, sizeof(name) - 1))
      connection->body = strtoul(connection->line + sizeof(name) - 1, NULL, 10);
    connection->line_length = 0;
  }
  if (byte == end[connection->matched])
    connection->matched++;
  else
    connection->matched = byte == '\r';
  return connection->matched == 4;
}

/* The request is complete. */
static void connection_serve(struct connection *connection)
{
  if (!peak_answer(connection))
    queue_append(&answers, connection);
  connection->matched = 0;
  connection->target_length = 0;
  memset(connection->target, 0, TARGET_MAX);
}

static void connection_read(struct connection *connection)
{
  static char buffer[65536];
  ssize_t n = recv(connection->fd, buffer, sizeof(buffer), 0);

  if (n < 0 && errno == EAGAIN)
    return;
  for (ssize_t i = 0; i < n && !connection->waits && !connection->sent; i++) {
    if (connection->matched < 4) {
      if (!connection_take(connection, buffer[i]))
        continue;
    }
    else
      connection->body--;
    if (connection->body)
      continue;
    connection_serve(connection);
    /* Bytes beyond it would be a pipelined request: not supported. */
    if (i + 1 == n)
      return;
  }
  if (n <= 0 || connection->waits || connection->sent)
    connection_close(connection);
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
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  require(errno == EAGAIN || errno == ECONNABORTED || errno == EINTR, "accept");
}

/* Answers what is due; the milliseconds until the next one is, or -1. */
static int queue_serve(struct queue *queue)
{
  uint64_t now = now_ns();

  while (queue->first && queue->first->due <= now) {
    struct connection *connection = queue->first;

    queue_remove(connection);
    connection->until = queue == &answers ? first_length : answer_length;
    (void)connection_answer(connection); /* nothing more to do with it */
  }
  if (!queue->first)
    return -1;
  return (int)((queue->first->due - now + 999999) / 1000000);
}

static int queues_serve(void)
{
  int first = queue_serve(&answers), second = queue_serve(&bodies);

  return first < 0 || (second >= 0 && second < first) ? second : first;
}

static void serve(int listener)
{
  struct epoll_event events[512];

  for (;;) {
    int count = epoll_wait(epoll_fd, events, 512, queues_serve());

    require(count >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;

      if (!connection) {
        connections_accept(listener);
        continue;
      }
      if (events[i].events & EPOLLOUT && !connection_answer(connection))
        continue;
      if (events[i].events & ~(uint32_t)EPOLLOUT)
        connection_read(connection);
    }
  }
}

static int listener_open(long port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port) };
  socklen_t length = sizeof(address);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(fd >= 0, "socket");
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  require(!bind(fd, (struct sockaddr *)&address, length), "bind");
  require(!listen(fd, 65535), "listen");
  require(!getsockname(fd, (struct sockaddr *)&address, &length),
          "getsockname");
  require(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  printf("PORT %d\n", ntohs(address.sin_port));
  (void)fflush(stdout);
  return fd;
}

static void answer_make(size_t body, long headers, bool late)
{
  static char head[HEADERS_MOST * 40 + 200];
  int length = snprintf(head, sizeof(head),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n");

  for (long i = HEADERS_LEAST; i < headers; i++)
    length += snprintf(head + length, sizeof(head) - (size_t)length,
                       "X-Header-%ld: value number %ld\r\n", i, i);
  length += snprintf(head + length, sizeof(head) - (size_t)length,
                     "Content-Length: %zu\r\n\r\n", body);
  answer_length = (size_t)length + body;
  first_length = late ? (size_t)length : answer_length;
  answer = malloc(answer_length);
  require(answer != NULL, "malloc");
  memcpy(answer, head, (size_t)length);
  memset(answer + length, 'x', body);
}

struct settings {
  long delay, late, headers, body, port;
};

static void usage(const char *program)
{
  fprintf(stderr,
          "usage: %s --delay-ms D --body N --port P [--late-ms L] "
          "[--headers H]\n",
          program);
  exit(2);
}

static void settings_read(struct settings *settings, int argc, char **argv)
{
  static const struct option names[] = {
    { "delay-ms", required_argument, NULL, 'd' },
    { "late-ms", required_argument, NULL, 'l' },
    { "headers", required_argument, NULL, 'h' },
    { "body", required_argument, NULL, 'b' },
    { "port", required_argument, NULL, 'p' },
    { NULL, 0, NULL, 0 }
  };
  int name;

  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
    long *value = name == 'd'   ? &settings->delay
                  : name == 'l' ? &settings->late
                  : name == 'h' ? &settings->headers
                  : name == 'b' ? &settings->body
                                : &settings->port;
    char *end = NULL;

    if (name != '?')
      *value = strtol(optarg, &end, 10);
    if (!end || *end || *value < 0 || (name == 'p' && *value > 65535))
      usage(*argv);
  }
  if (settings->headers < HEADERS_LEAST || settings->headers > HEADERS_MOST)
    usage(*argv);
}

int main(int argc, char **argv)
{
  struct settings settings = { .headers = HEADERS_LEAST, .body = 1024 };
  struct rlimit files;

  settings_read(&settings, argc, argv);
  answers.delay_ns = (uint64_t)settings.delay * 1000000u;
  bodies.delay_ns = (uint64_t)settings.late * 1000000u;
  answer_make((size_t)settings.body, settings.headers, settings.late > 0);
  (void)signal(SIGPIPE, SIG_IGN); /* cannot fail with these arguments */
  if (!getrlimit(RLIMIT_NOFILE, &files)) {
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files); /* accept() tells if too few */
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  require(epoll_fd >= 0, "epoll_create1");
  serve(listener_open(settings.port));
}
