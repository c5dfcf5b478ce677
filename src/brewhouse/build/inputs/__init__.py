"""What comes into a build from outside: contexts, repositories, URLs, secrets; and what may."""
