#include "molt/worker/manifest.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace molt::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An export with these fields beside its codecs.
std::string With(const std::string& fields) {
  return R"({"codec_in": "msgpack", "codec_out": "json", )" + fields + "}";
}

class ManifestTest : public testing::Test {
 protected:
  // Of a manifest with these exports, as JSON.
  Manifest Read(const std::string& exports) {
    auto read = Manifest::Parse(R"({"abi_version": 1, "exports": [)" + exports + "]}", warnings_);
    EXPECT_TRUE(read) << read.error().message;
    return read ? std::move(*read) : Manifest();
  }
  std::vector<std::string> warnings_;
};

TEST_F(ManifestTest, WithoutOneEverythingIsOpen) {
  const Manifest none;
  EXPECT_FALSE(none.is_closed());
  EXPECT_EQ(none.Find("list_items"), nullptr);
}

TEST_F(ManifestTest, EntriesAndNamedQueriesAreExported) {
  const Manifest manifest =
      Read(With(R"("name": "list_items")") + "," +
           With(R"("name": "by_id", "sql": "select :id", "db_alias": "reports", "max_rows": 5,
                   "params": [{"name": "id", "type": "int64"}])"));
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_TRUE(manifest.is_closed());
  EXPECT_THAT(manifest.Names(), ElementsAre("by_id", "list_items"));
  EXPECT_FALSE(manifest.Find("list_items")->named);
  const Export* query = manifest.Find("by_id");
  ASSERT_NE(query, nullptr);
  EXPECT_EQ(query->codec_out, wire::PayloadCodec::kJson);
  ASSERT_TRUE(query->named);
  EXPECT_EQ(query->named->sql, "select :id");
  EXPECT_EQ(query->named->alias, "reports");
  EXPECT_EQ(query->named->rows_max, 5);
  ASSERT_EQ(query->named->params.size(), 1U);
  EXPECT_EQ(query->named->params[0].name, "id");
  EXPECT_EQ(manifest.Find("health"), nullptr);
}

TEST_F(ManifestTest, WhatIsWrongIsLeftOutAndSaid) {
  const std::vector<std::string> wrong = {
      "7",
      R"({"name": "none"})",
      R"({"name": "xml", "codec_in": "xml", "codec_out": "json"})",
      With(R"("name": "")"),
      With(R"("name": "__ping__")"),
      With(R"("sql": "select 1")"),
      With(R"("name": "both", "sql": "select 1", "query": {})"),
      With(R"("name": "typed", "sql": "select :a", "params": [{"name": "a", "type": "what"}])"),
      With(R"("name": "rows", "sql": "select 1", "max_rows": 0)")};
  std::string exports = With(R"("name": "good")");
  for (const std::string& one : wrong) exports += "," + one;
  const Manifest manifest = Read(exports);
  EXPECT_THAT(manifest.Names(), ElementsAre("good"));
  ASSERT_EQ(warnings_.size(), wrong.size());
  for (std::size_t i = 0; i < warnings_.size(); ++i) {
    EXPECT_THAT(warnings_[i], HasSubstr("exports[" + std::to_string(i + 1) + "] is left out"));
  }
}

TEST_F(ManifestTest, WhatIsNoManifestIsRefused) {
  for (const char* text : {"", "7", "{}", R"({"exports": {}})", R"({"exports": [)"}) {
    const auto read = Manifest::Parse(text, warnings_);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidQuery);
  }
}

}  // namespace
}  // namespace molt::worker
