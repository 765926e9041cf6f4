#include "molt/worker/output.h"

#include <unistd.h>

#include <cerrno>

namespace molt::worker {

namespace {

// Small replies share a piece, a large one has its own.
constexpr std::size_t kPieceBytes = std::size_t{256} << 10;

}  // namespace

std::string& Output::Room(std::size_t size) {
  if (pieces_.empty() || (!pieces_.back().empty() && pieces_.back().size() + size > kPieceBytes)) {
    pieces_.emplace_back();
    if (size > kPieceBytes) pieces_.back().reserve(size);
  }
  appending_ = pieces_.back().size();
  return pieces_.back();
}

void Output::Appended() { unread_ += pieces_.back().size() - appending_; }

bool Output::Write(int fd, std::size_t& written) {
  while (unread_ > 0) {
    const std::string& piece = pieces_.front();
    const ssize_t done = write(fd, piece.data() + begin_, piece.size() - begin_);
    if (done < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    begin_ += static_cast<std::size_t>(done);
    unread_ -= static_cast<std::size_t>(done);
    written += static_cast<std::size_t>(done);
    if (begin_ < piece.size()) continue;
    begin_ = 0;
    // The last one is kept for what comes, unless it is large.
    if (pieces_.size() > 1 || piece.capacity() > kPieceBytes) {
      pieces_.pop_front();
    } else {
      pieces_.front().clear();
    }
  }
  return true;
}

}  // namespace molt::worker
