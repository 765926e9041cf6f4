#include "molt/worker/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace molt::worker {
namespace {

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() { EXPECT_EQ(pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC), 0); }
  ~OutputTest() override {
    for (const int fd : ends_) close(fd);
  }
  void Add(const std::string& text) {
    output_.Room(text.size()) += text;
    output_.Appended();
    sent_ += text;
  }
  void AddWhole(std::string text) {
    sent_ += text;
    output_.Add(std::move(text));
  }
  bool Write() {
    std::size_t written = 0;
    const bool is_there = output_.Write(ends_[1], written);
    written_ += written;
    return is_there;
  }
  void Read() {
    std::string bytes(std::size_t{1} << 20, '\0');
    const ssize_t got = read(ends_[0], bytes.data(), bytes.size());
    if (got > 0) received_.append(bytes, 0, static_cast<std::size_t>(got));
  }

  Output output_;
  std::array<int, 2> ends_{-1, -1};
  std::string sent_;
  std::string received_;
  std::size_t written_ = 0;
};

TEST_F(OutputTest, SmallAndLargeRepliesArriveInOrderHoweverSlowlyTheyAreRead) {
  for (int i = 0; i < 300; ++i) {
    Add(std::string(static_cast<std::size_t>(i) * 37 % 5000, static_cast<char>('a' + i % 26)));
    if (i % 50 == 0) Add(std::string(700'000, static_cast<char>('A' + i / 50)));
    if (i % 40 == 0) AddWhole(std::string(90'000, static_cast<char>('0' + i / 40)));
    if (i % 60 == 0) AddWhole("");
    EXPECT_TRUE(Write());
    if (i % 7 == 0) Read();
    EXPECT_EQ(output_.unread(), sent_.size() - written_);
  }
  while (received_.size() < sent_.size()) {
    Read();
    EXPECT_TRUE(Write());
  }
  EXPECT_EQ(output_.unread(), 0U);
  EXPECT_TRUE(received_ == sent_);
}

TEST_F(OutputTest, WhatIsEmptyIsWrittenWithoutACall) {
  EXPECT_TRUE(Write());
  Add("");
  EXPECT_TRUE(Write());
  EXPECT_EQ(written_, 0U);
  Add("x");
  EXPECT_TRUE(Write());
  EXPECT_EQ(written_, 1U);
}

TEST_F(OutputTest, AReaderThatIsGoneIsTold) {
  std::signal(SIGPIPE, SIG_IGN);
  close(ends_[0]);
  ends_[0] = -1;
  Add("x");
  EXPECT_FALSE(Write());
}

}  // namespace
}  // namespace molt::worker
