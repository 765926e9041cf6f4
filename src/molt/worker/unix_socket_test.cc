#include "molt/worker/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace molt::worker {
namespace {

// A descriptor that is closed.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&&) = delete;
  ~Fd() { Close(); }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

class UnixSocketTest : public ::testing::Test {
 protected:
  UnixSocketTest() {
    // Short: the name of a socket has 107 bytes at most.
    std::string name = "/tmp/molt-socket-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string Path(const std::string& name = "s") const {
    return folder_ + "/" + name;
  }
  static Fd Bind(const std::string& path) {
    const auto listener = BindUnixSocket(path);
    EXPECT_TRUE(listener) << listener.error().message;
    return Fd(listener ? *listener : -1);
  }
  // Expects a refusal that names what is wrong.
  static void ExpectRefused(const std::string& path, const std::string& words) {
    const auto listener = BindUnixSocket(path);
    ASSERT_FALSE(listener);
    EXPECT_EQ(listener.error().code, ErrorCode::kInvalidQuery);
    EXPECT_NE(listener.error().message.find(words), std::string::npos) << listener.error().message;
  }
  static bool Connects(const std::string& path) {
    const Fd client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(lstat(path.c_str(), &found), 0);
    return found.st_mode;
  }

  std::string folder_;
};

TEST_F(UnixSocketTest, ItListensForThisUserAlone) {
  const mode_t before = umask(0);
  const Fd listener = Bind(Path());
  EXPECT_EQ(umask(before), 0U) << "the process's own mask is as it was";
  EXPECT_TRUE(S_ISSOCK(ModeOf(Path())));
  EXPECT_EQ(ModeOf(Path()) & 07777, 0600U);
  EXPECT_TRUE(Connects(Path()));
}

TEST_F(UnixSocketTest, OneThatNobodyListensAtIsReplaced) {
  Bind(Path()).Close();
  ASSERT_TRUE(S_ISSOCK(ModeOf(Path()))) << "it was left behind";
  ASSERT_FALSE(Connects(Path()));
  const Fd listener = Bind(Path());
  EXPECT_TRUE(Connects(Path()));
}

TEST_F(UnixSocketTest, OneThatAWorkerServesAtIsRefusedAndGoesOn) {
  const Fd listener = Bind(Path());
  ExpectRefused(Path(), "serves at");
  EXPECT_TRUE(Connects(Path()));
}

TEST_F(UnixSocketTest, ASymbolicLinkIsRefusedAndItsTargetLeftAlone) {
  const Fd listener = Bind(Path("target"));
  std::filesystem::create_symlink(Path("target"), Path("link"));
  std::filesystem::create_symlink(Path("nothing"), Path("dangling"));
  ExpectRefused(Path("link"), "is no socket");
  ExpectRefused(Path("dangling"), "is no socket");
  EXPECT_TRUE(S_ISLNK(ModeOf(Path("link"))));
  EXPECT_FALSE(std::filesystem::exists(Path("nothing")));
  EXPECT_TRUE(Connects(Path("target")));
}

TEST_F(UnixSocketTest, AFileIsRefusedAndKept) {
  std::ofstream(Path()) << "precious";
  ExpectRefused(Path(), "is no socket");
  std::string text;
  std::ifstream(Path()) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(UnixSocketTest, AFolderThatOthersMayWriteToIsRefused) {
  const std::string shared = Path("shared");
  std::filesystem::create_directory(shared);
  for (const mode_t mode : {0777U, 0770U, 0702U}) {
    ASSERT_EQ(chmod(shared.c_str(), mode), 0);
    ExpectRefused(shared + "/s", "others may write");
  }
  EXPECT_FALSE(std::filesystem::exists(shared + "/s"));
  // With the sticky bit they cannot replace what is another's.
  ASSERT_EQ(chmod(shared.c_str(), 01777), 0);
  const Fd listener = Bind(shared + "/s");
  EXPECT_TRUE(Connects(shared + "/s"));
}

TEST_F(UnixSocketTest, AFolderThatIsNotThereIsNamed) {
  ExpectRefused(Path("missing/s"), Path("missing"));
}

TEST_F(UnixSocketTest, APathOf107BytesIsTheLongest) {
  const std::string longest = folder_ + "/" + std::string(107 - folder_.size() - 1, 'x');
  const Fd listener = Bind(longest);
  EXPECT_TRUE(Connects(longest));
  ExpectRefused(longest + "x", "107");
  ExpectRefused("", "107");
}

TEST_F(UnixSocketTest, ItsOwnFileIsRemovedAndNoOther) {
  const Fd first = Bind(Path());
  RemoveUnixSocket(Path("other"), first.get());
  EXPECT_TRUE(std::filesystem::exists(Path()));
  RemoveUnixSocket(Path(), first.get());
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

}  // namespace
}  // namespace molt::worker
