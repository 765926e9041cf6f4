#include "molt/worker/metrics.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "molt/worker/no_pool.h"
#include "molt/worker/server.h"

namespace molt::worker {
namespace {

constexpr std::string_view kVersion = "1.2.3";

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() : server_(OptionsOf(), AliasesOf()) {}

  static OfferOptions OptionsOf() {
    OfferOptions options;
    options.version = kVersion;
    options.queue_max = 17;
    return options;
  }
  static std::vector<AliasOptions> AliasesOf() {
    AliasOptions alias;
    alias.name = "a \"b\"\\\n";
    alias.pool = std::make_shared<NoPool>("sqlite", db::PoolUse{3, 4});
    return {alias};
  }

  // What stands behind the sample, which is a name with its labels; "missing" if it is not there.
  std::string ValueOf(const std::string& sample) {
    const std::string page = "\n" + MetricsText(server_);
    const std::size_t at = page.find("\n" + sample + " ");
    if (at == std::string::npos) return "missing";
    const std::size_t begin = at + sample.size() + 2;
    return page.substr(begin, page.find('\n', begin) - begin);
  }

  Server server_;
};

TEST_F(MetricsTest, EverySampleFollowsTheHelpAndTypeOfItsName) {
  server_.counters().Of("health").CountReply(wire::ResponseStatus::kOk);
  server_.counters().Of("health").CountTime(1);
  const std::string page = MetricsText(server_);
  ASSERT_TRUE(page.ends_with('\n'));
  std::string name;
  std::size_t at = 0;
  int samples = 0;
  while (at < page.size()) {
    const std::size_t end = page.find('\n', at);
    const std::string line = page.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("# HELP ")) {
      name = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(page.substr(at).starts_with("# TYPE " + name + " ")) << line;
    } else if (!line.starts_with("# TYPE ")) {
      EXPECT_TRUE(line.starts_with(name)) << line << " stands under " << name;
      ++samples;
    }
  }
  EXPECT_GT(samples, 20);
}

TEST_F(MetricsTest, RepliesAreCountedByEntryAndStatus) {
  EntryCounters& query = server_.counters().Of("db_query");
  query.CountReply(wire::ResponseStatus::kOk);
  query.CountReply(wire::ResponseStatus::kOk);
  query.CountReply(wire::ResponseStatus::kBusy);
  EXPECT_EQ(ValueOf(R"(molt_requests_total{entry="db_query",status="Ok"})"), "2");
  EXPECT_EQ(ValueOf(R"(molt_requests_total{entry="db_query",status="Busy"})"), "1");
  EXPECT_EQ(ValueOf(R"(molt_requests_total{entry="db_query",status="Timeout"})"), "missing");
  EXPECT_EQ(ValueOf(R"(molt_requests_total{entry="health",status="Ok"})"), "missing");
}

TEST_F(MetricsTest, TimesAreClassesThatIncludeTheShorterOnes) {
  EntryCounters& query = server_.counters().Of("db_query");
  for (const std::int64_t us : {100, 101, 400, 20'000'000}) query.CountTime(us);
  const auto below = [this](const std::string& bound) {
    return ValueOf(R"(molt_request_seconds_bucket{entry="db_query",le=")" + bound + R"("})");
  };
  EXPECT_EQ(below("0.0001"), "1");
  EXPECT_EQ(below("0.00025"), "2");
  EXPECT_EQ(below("0.0005"), "3");
  EXPECT_EQ(below("10"), "3");
  EXPECT_EQ(below("+Inf"), "4");
  EXPECT_EQ(ValueOf(R"(molt_request_seconds_count{entry="db_query"})"), "4");
  EXPECT_EQ(ValueOf(R"(molt_request_seconds_sum{entry="db_query"})"), "20.000601");
  EXPECT_EQ(ValueOf(R"(molt_request_seconds_count{entry="health"})"), "missing");
}

TEST_F(MetricsTest, LabelsAreEscaped) {
  EXPECT_EQ(ValueOf(R"(molt_pool_connections{alias="a \"b\"\\\n",state="in_use"})"), "3");
  EXPECT_EQ(ValueOf(R"(molt_pool_connections{alias="a \"b\"\\\n",state="idle"})"), "4");
}

TEST_F(MetricsTest, TheWorkerTellsOfItself) {
  server_.counters().bytes_in = 5'000'000'000;
  server_.counters().bytes_out = 7;
  server_.counters().in_flight = 2;
  EXPECT_EQ(ValueOf(R"(molt_build_info{version="1.2.3"})"), "1");
  EXPECT_EQ(ValueOf("molt_queue_max"), "17");
  EXPECT_EQ(ValueOf("molt_queue_depth"), "0");
  EXPECT_EQ(ValueOf("molt_clients"), "0");
  EXPECT_EQ(ValueOf("molt_requests_in_flight"), "2");
  EXPECT_EQ(ValueOf("molt_bytes_in_total"), "5000000000");
  EXPECT_EQ(ValueOf("molt_bytes_out_total"), "7");
  EXPECT_GT(std::stod(ValueOf("process_resident_memory_bytes")), 1e6);
  EXPECT_GE(std::stod(ValueOf("process_open_fds")), 3);
  EXPECT_GT(std::stod(ValueOf("process_start_time_seconds")), 1.7e9);
}

TEST_F(MetricsTest, ALargeCountKeepsAllItsDigits) {
  server_.counters().bytes_out = 123'456'789'012'345;
  EXPECT_EQ(ValueOf("molt_bytes_out_total"), "123456789012345");
}

}  // namespace
}  // namespace molt::worker
