"""Lotteries, their draws and their game offers: managed over HTTP, and learned from purchases."""
