#include "coe/college/page/page_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

namespace coe {
namespace {

const std::filesystem::path kRoom = std::filesystem::path(COE_SOURCE_DIR) / "src/coe/college/page";

std::string read_all(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

const EmbeddedFile* find(std::string_view path) {
  const auto files = page_files();
  const auto at =
      std::find_if(files.begin(), files.end(), [&](const auto& file) { return file.path == path; });
  return at == files.end() ? nullptr : &*at;
}

// The texts between `before` and the next `after`.
std::set<std::string> between(std::string_view text, std::string_view before, char after) {
  std::set<std::string> found;
  for (std::size_t at = text.find(before); at != std::string_view::npos;) {
    const std::size_t start = at + before.size();
    const std::size_t end = text.find(after, start);
    if (end == std::string_view::npos) break;
    found.emplace(text.substr(start, end - start));
    at = text.find(before, end);
  }
  return found;
}

TEST(PageFiles, AreTheFilesOfTheRoomByteForByte) {
  std::set<std::string> named;
  for (const auto& file : page_files()) {
    const std::string name(file.path == "/" ? "index.html" : file.path.substr(1));
    EXPECT_TRUE(named.insert(name).second) << name;
    EXPECT_EQ(file.bytes, read_all(kRoom / name)) << name;
    EXPECT_FALSE(file.bytes.empty()) << name;
  }
  // A file that stands in the room and is not served would be missing in a browser.
  for (const auto& entry : std::filesystem::directory_iterator(kRoom)) {
    const auto ending = entry.path().extension();
    if (ending == ".h" || ending == ".cc" || ending == ".txt") continue;
    EXPECT_TRUE(named.contains(entry.path().filename().string())) << entry.path();
  }
}

TEST(PageFiles, SayWhatTheyAre) {
  ASSERT_NE(find("/"), nullptr);
  EXPECT_EQ(find("/")->content_type, "text/html; charset=utf-8");
  EXPECT_TRUE(find("/")->bytes.starts_with("<!doctype html>"));
  ASSERT_NE(find("/page.js"), nullptr);
  EXPECT_EQ(find("/page.js")->content_type, "text/javascript; charset=utf-8");
  ASSERT_NE(find("/page.css"), nullptr);
  EXPECT_EQ(find("/page.css")->content_type, "text/css; charset=utf-8");
  ASSERT_NE(find("/icon.svg"), nullptr);
  EXPECT_EQ(find("/icon.svg")->content_type, "image/svg+xml");
}

TEST(PageFiles, WhatTheyLoadIsThere) {
  ASSERT_NE(find("/"), nullptr);
  auto loaded = between(find("/")->bytes, "src=\"", '"');
  loaded.merge(between(find("/")->bytes, "<link rel=\"icon\" href=\"", '"'));
  loaded.merge(between(find("/")->bytes, "<link rel=\"stylesheet\" href=\"", '"'));
  EXPECT_GE(loaded.size(), 4U);
  for (const auto& name : loaded) EXPECT_NE(find("/" + name), nullptr) << name;
  for (const auto& file : page_files()) {
    for (const auto& name : between(file.bytes, " from './", '\''))
      EXPECT_NE(find("/" + name), nullptr) << file.path << " imports " << name;
  }
}

// Answers are hostile: nothing of the page makes HTML or code of a text, and nothing needs a policy
// laxer than ours.
TEST(PageFiles, ParseNoTextAndLoadNothingFromElsewhere) {
  for (const auto& file : page_files()) {
    for (const auto* word :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(",
          "new Function", "createContextualFragment", "setHTMLUnsafe", "srcdoc", "@import", "url("})
      EXPECT_EQ(file.bytes.find(word), std::string_view::npos) << file.path << ": " << word;
    for (const auto& address : between(file.bytes, "http://", '"'))
      EXPECT_EQ(address, "www.w3.org/2000/svg") << file.path;
    EXPECT_EQ(file.bytes.find("https://"), std::string_view::npos) << file.path;
  }
  const auto page = find("/")->bytes;
  EXPECT_EQ(page.find("<style"), std::string_view::npos);
  EXPECT_EQ(page.find(" style="), std::string_view::npos);
  EXPECT_EQ(page.find("<script>"), std::string_view::npos);
  for (const auto* handler : {" onclick", " onerror", " oninput", " onload", " onsubmit"})
    EXPECT_EQ(page.find(handler), std::string_view::npos) << handler;
}

// The page is tried in a browser under the policy of the mock, so that one must be the program's.
TEST(PageFiles, TheMockHasThePolicyOfTheProgram) {
  const auto mock = read_all(std::filesystem::path(COE_SOURCE_DIR) / "tests/college/page/mock.mjs");
  EXPECT_NE(mock.find('"' + std::string(kPagePolicy) + '"'), std::string::npos);
}

}  // namespace
}  // namespace coe
