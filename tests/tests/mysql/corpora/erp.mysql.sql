SET NAMES utf8mb4;
SET sql_mode = 'ALLOW_INVALID_DATES';
CREATE TABLE `company` (
  `code` char(4) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL,
  `site` smallint unsigned NOT NULL DEFAULT 1,
  `name` varchar(60) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL COMMENT 'legal name; may hold "quotes" and ''apostrophes''',
  `logo` mediumblob,
  `founded` date DEFAULT '0000-00-00',
  `closed` date DEFAULT NULL,
  `rating` enum('','A','B','it''s','Ü') CHARACTER SET latin1 NOT NULL DEFAULT 'A',
  `flags` set('vat','eori','export') NOT NULL DEFAULT 'vat,export',
  PRIMARY KEY (`code`,`site`),
  UNIQUE KEY `uq name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='companies & sites';
INSERT INTO company VALUES
 ('DE01',1,'Müller & Söhne – GmbH €', x'00FF00', '1999-02-31', NULL, 'Ü', 'vat,eori'),
 ('DE01',2,'Größenwahn AG', '', '0000-00-00', '2020-00-00', '', ''),
 ('FR  ',1,'L''Été', NULL, NULL, NULL, 'it''s', 'export');
CREATE TABLE `article` (
  `id` int(10) unsigned zerofill NOT NULL AUTO_INCREMENT,
  `company_code` char(4) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL,
  `company_site` smallint unsigned NOT NULL,
  `ean` bigint unsigned DEFAULT NULL,
  `active` tinyint(1) NOT NULL DEFAULT 1,
  `stock_state` tinyint(1) DEFAULT NULL,
  `net` decimal(20,6) unsigned NOT NULL DEFAULT 0.000000,
  `vat` decimal(5,2) NOT NULL DEFAULT 19.00,
  `gross` decimal(27,8) GENERATED ALWAYS AS (`net` * (1 + `vat` / 100)) STORED,
  `label` varchar(90) GENERATED ALWAYS AS (concat(`company_code`,'-',`id`)) VIRTUAL,
  `weight` float DEFAULT NULL,
  `volume` double DEFAULT NULL,
  `mask` bit(12) DEFAULT b'101',
  `flag` bit(1) NOT NULL DEFAULT b'0',
  `lead` time DEFAULT NULL,
  `model_year` year DEFAULT NULL,
  `spec` json DEFAULT NULL,
  `pos` point DEFAULT NULL,
  `note` text CHARACTER SET latin1,
  `created` timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
  `seen` datetime(6) DEFAULT current_timestamp(6),
  `uid` binary(16) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `by company` (`company_code`,`company_site`),
  KEY `note_prefix` (`note`(20)),
  FULLTEXT KEY `note_ft` (`note`),
  CONSTRAINT `art_company` FOREIGN KEY (`company_code`,`company_site`) REFERENCES `company` (`code`,`site`) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT `net positive` CHECK (`net` >= 0),
  CONSTRAINT `vat_sane` CHECK (`vat` between 0 and 100)
) ENGINE=InnoDB AUTO_INCREMENT=500 DEFAULT CHARSET=utf8mb4;
INSERT INTO article (id,company_code,company_site,ean,active,stock_state,net,vat,weight,volume,mask,flag,lead,model_year,spec,pos,note,created,seen,uid) VALUES
 (1,'DE01',1,18446744073709551615,1,2,12345678901234.123456,19,123456.1,0.1,b'111111111111',b'1','838:59:59',2024,'{"a": [1, 2, {"b": null}], "ü": "x"}',ST_GeomFromText('POINT(13.4 52.5)'),'caf\u00e9 – ‚quoted‘','2024-03-31 03:30:00','2024-01-01 00:00:00.000001',x'00112233445566778899aabbccddeeff'),
 (2,'DE01',2,0,0,-1,0,7.5,1e-30,1.7976931348623157e308,b'0',b'0','-12:00:01',1901,NULL,NULL,'','1970-01-01 03:00:01',NULL,NULL),
 (3,'FR  ',1,NULL,1,NULL,0.000001,100,NULL,NULL,NULL,b'1','23:59:59',0,'"s"',ST_GeomFromText('POINT(0 0)'),NULL,'2038-01-19 06:14:07','0000-00-00 00:00:00',NULL);
CREATE TABLE `order` (
  `year` year NOT NULL, `no` mediumint unsigned NOT NULL, `Line` tinyint unsigned NOT NULL,
  `group` varchar(30) NOT NULL DEFAULT 'a\\b''c"d', `art` int(10) unsigned DEFAULT NULL, `parent_no` mediumint unsigned DEFAULT NULL,
  `qty` decimal(65,30) NOT NULL, `when` datetime NOT NULL DEFAULT '0000-00-00 00:00:00', `due` date DEFAULT '2000-01-01',
  `emoji` varchar(20) COLLATE utf8mb4_bin DEFAULT '🚚',
  PRIMARY KEY (`year`,`no`,`Line`), KEY `art` (`art`), KEY `desc` (`when` DESC, `no`),
  CONSTRAINT `o_art` FOREIGN KEY (`art`) REFERENCES `article` (`id`) ON DELETE SET NULL,
  CONSTRAINT `o_self` FOREIGN KEY (`year`,`parent_no`,`Line`) REFERENCES `order` (`year`,`no`,`Line`)
) ENGINE=InnoDB COMMENT 'reserved words all over';
INSERT INTO `order` VALUES (2024,1,0,'x',1,NULL,99999999999999999999999999999999999.999999999999999999999999999999,'2024-02-29 10:00:00','2024-01-01','👩‍👩‍👧'),(2024,2,0,'y',NULL,1,-0.000000000000000000000000000001,'0000-00-00 00:00:00',NULL,'Å'),(1955,16777215,255,'',3,NULL,0,'9999-12-31 23:59:59','1000-01-01','Å');
CREATE TABLE `no key` (`a` int, `b` varchar(10) CHARACTER SET cp1250, `c d` text, `UPPER` int, KEY `same` (`a`)) ENGINE=MyISAM;
INSERT INTO `no key` VALUES (1,'žluť','x',1),(1,'žluť','x',1),(NULL,NULL,NULL,NULL);
CREATE TABLE `bin` (`k` varbinary(8) NOT NULL PRIMARY KEY, `t` varchar(20) COLLATE utf8mb4_general_ci UNIQUE, `nul` varchar(10)) ENGINE=InnoDB;
INSERT INTO `bin` VALUES (x'00','a',NULL),(x'0000','B ',concat('a',char(0),'b')),(x'ff','ß','z');
CREATE VIEW `v_open` AS SELECT o.`no`, a.label, date_format(o.`when`,'%Y-%m') AS ym, if(a.active,'yes','no') AS act FROM `order` o JOIN article a ON a.id=o.art WHERE o.qty > 0;
CREATE VIEW `v2` AS SELECT count(*) AS n FROM v_open;
DELIMITER //
CREATE TRIGGER art_bi BEFORE INSERT ON article FOR EACH ROW BEGIN IF NEW.net IS NULL THEN SET NEW.net = 0; END IF; END//
CREATE FUNCTION tax(n decimal(20,6)) RETURNS decimal(20,6) DETERMINISTIC RETURN n * 0.19//
CREATE PROCEDURE noop() BEGIN SELECT 1; END//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM `no key` WHERE a IS NULL//
DELIMITER ;
CREATE SEQUENCE inv_no START WITH 7000 INCREMENT BY 5;
CREATE TABLE `part` (`id` int NOT NULL, `d` date NOT NULL, PRIMARY KEY (`id`,`d`)) PARTITION BY RANGE (year(`d`)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO part VALUES (1,'1999-01-01'),(2,'2020-01-01');
