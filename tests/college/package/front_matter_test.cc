#include "coe/college/package/front_matter.h"

#include "coe/base/result.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::value_of;

TEST(ParseFrontMatter, ReadsScalarsAndLists) {
  const auto items =
      value_of(parse_front_matter("---\n"
                                  "license: apache-2.0\n"
                                  "\n"
                                  "# a comment\n"
                                  "base_model: \"org/na\\u006de\"\n"
                                  "tags:\n"
                                  "  - gguf\n"
                                  "- \"a: b\"\n"
                                  "---\n"
                                  "# Title: this is no YAML\n",
                                  "README.md"));
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].key, "license");
  EXPECT_EQ(items[0].values, std::vector<std::string>{"apache-2.0"});
  EXPECT_FALSE(items[0].is_list);
  EXPECT_EQ(items[1].values, std::vector<std::string>{"org/name"});
  EXPECT_TRUE(items[2].is_list);
  EXPECT_EQ(items[2].values, (std::vector<std::string>{"gguf", "a: b"}));
}

TEST(ParseFrontMatter, NamesTheLineOfWhatItRefuses) {
  const auto refused = [](const std::string& text, const std::string& part) {
    expect_error(parse_front_matter(text, "README.md"), Code::kCorrupt, part);
  };
  refused("", "README.md:1");
  refused("# Title\n", "README.md:1: `# Title` is not the `---`");
  refused("---\nlicense: mit\n", "does not end with `---`");
  refused("---\nlicense: mit\nlicense: gpl\n---\n", "README.md:3: `license: gpl` is there twice");
  refused("---\n- item\n---\n", "is an item of no list");
  refused("---\nlicense: mit\n- item\n---\n", "README.md:3: `- item` is an item of no list");
  refused("---\njust words\n---\n", "is no key with a value");
  refused("---\nkey: \"open\n---\n", "README.md:2: `key: \"open` has no value that can be read");
  refused("---\nkey: {a: b}\n---\n", "has no value that can be read");
  refused("---\nkey: a: b\n---\n", "has no value that can be read");
  refused("---\n  nested: x\n---\n", "is no key with a value");
}

}  // namespace
}  // namespace coe
