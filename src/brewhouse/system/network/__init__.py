"""What is fetched: files by HTTP, repositories by git, and who the user is to their servers."""
